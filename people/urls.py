from django.urls import path

from people import views

app_name = "people"
urlpatterns = [
    path("people/", views.people, name="list"),
    path("people/invite/", views.invite, name="invite"),
    path("people/<int:pk>/", views.person, name="person"),
    path("people/<int:pk>/link/", views.link, name="link"),
    path("people/<int:pk>/access/", views.access, name="access"),
    path("people/<int:pk>/second-step/", views.second_step, name="second_step"),
    path("profile/", views.profile, name="profile"),
]
