from django.urls import path

from contacts.views import import_check, imports, lists, opt_outs

app_name = "contacts"

urlpatterns = [
    path("", lists.lists, name="lists"),
    path("new/", lists.list_new, name="list_new"),
    path("<int:pk>/", lists.contact_list, name="list"),
    path("<int:pk>/edit/", lists.list_edit, name="list_edit"),
    path("<int:pk>/delete/", lists.list_delete, name="list_delete"),
    path("<int:pk>/add/", lists.contact_new, name="contact_new"),
    path("<int:pk>/upload/", imports.upload, name="upload"),
    path("people/<int:pk>/", lists.contact, name="contact"),
    path("people/<int:pk>/delete/", lists.contact_delete, name="contact_delete"),
    path("upload/", imports.upload, name="upload"),
    path("imports/", imports.imports, name="imports"),
    path("imports/<int:pk>/", import_check.import_page, name="import"),
    path("imports/<int:pk>/columns/", imports.columns, name="columns"),
    path("imports/<int:pk>/apply/", import_check.import_apply, name="import_apply"),
    path("imports/<int:pk>/sheet/", import_check.import_sheet, name="import_sheet"),
    path("imports/<int:pk>/cancel/", import_check.import_cancel, name="import_cancel"),
    path("imports/<int:pk>/progress/", import_check.import_progress, name="import_progress"),
    path("imports/<int:pk>/check-again/", import_check.import_recheck, name="import_recheck"),
    path("imports/<int:pk>/correct/", import_check.import_fix, name="import_fix"),
    path("imports/<int:pk>/corrected-file/", import_check.import_replace, name="import_replace"),
    path("imports/<int:pk>/undo/", import_check.import_undo, name="import_undo"),
    path("imports/<int:pk>/rows/<slug:which>/", import_check.import_rows, name="import_rows"),
    path("opt-outs/", opt_outs.opt_outs, name="opt_outs"),
    path("opt-outs/add/", opt_outs.opt_out_add, name="opt_out_add"),
    path("opt-outs/paste/", opt_outs.opt_out_paste, name="opt_out_paste"),
    path("opt-outs/upload/", opt_outs.opt_out_upload, name="opt_out_upload"),
    path("opt-outs/export/", opt_outs.opt_out_export, name="opt_out_export"),
    path("opt-outs/<int:pk>/opt-back-in/", opt_outs.opt_back_in, name="opt_back_in"),
]
