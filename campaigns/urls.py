from django.urls import path

from campaigns.views import compare, compose, decide, evidence, export, folder, preview, search, templates, watch

app_name = "campaigns"

urlpatterns = [
    path("campaigns/", compose.campaigns, name="list"),
    path("campaigns/new/", compose.new, name="new"),
    path("campaigns/options/", compose.options, name="options"),
    path("campaigns/<int:pk>/", watch.campaign, name="campaign"),
    path("campaigns/<int:pk>/edit/", compose.edit, name="edit"),
    path("campaigns/<int:pk>/check/", compose.check, name="check"),
    path("campaigns/<int:pk>/compare/", compare.compare, name="compare"),
    path("campaigns/<int:pk>/choose/<int:account_pk>/", compare.choose, name="choose"),
    path("campaigns/<int:pk>/quote/<int:account_pk>/", compare.quote, name="quote"),
    path("campaigns/<int:pk>/preview/", preview.preview, name="preview"),
    path("campaigns/<int:pk>/freeze/", decide.freeze, name="freeze"),
    path("campaigns/<int:pk>/approve/", decide.approve, name="approve"),
    path("campaigns/<int:pk>/reject/", decide.reject, name="reject"),
    path("campaigns/<int:pk>/change/", decide.change, name="change"),
    path("campaigns/<int:pk>/pause/", decide.pause, name="pause"),
    path("campaigns/<int:pk>/resume/", decide.resume, name="resume"),
    path("campaigns/<int:pk>/cancel/", decide.cancel, name="cancel"),
    path("campaigns/<int:pk>/confirm-start/", decide.confirm_start, name="confirm_start"),
    path("campaigns/<int:pk>/progress/", watch.progress, name="progress"),
    path("campaigns/<int:pk>/recipients/", watch.recipients, name="recipients"),
    path("campaigns/<int:pk>/export/", export.export, name="export"),
    path("campaigns/<int:pk>/unclear/", decide.unclear, name="unclear"),
    path("batches/<int:pk>/", evidence.batch, name="batch"),
    path("batches/<int:pk>/release/", decide.batch_release, name="batch_release"),
    path("batches/<int:pk>/cancel/", decide.batch_cancel, name="batch_cancel"),
    path("batches/<int:pk>/decide/", decide.batch_decide, name="batch_decide"),
    path("batches/<int:pk>/payload/", evidence.payload, name="payload"),
    path("evidence/<int:pk>/reply/<int:position>/", evidence.evidence_reply, name="evidence_reply"),
    path("evidence/<int:pk>/<int:position>/", evidence.evidence_file, name="evidence_file"),
    path("accounts/<int:pk>/folder/", folder.folder, name="folder"),
    path("templates/", templates.templates, name="templates"),
    path("templates/new/", templates.template_new, name="template_new"),
    path("templates/measure/", templates.measure, name="measure"),
    path("templates/<int:pk>/", templates.template, name="template"),
    path("templates/<int:pk>/delete/", templates.template_delete, name="template_delete"),
    path("search/", search.search, name="search"),
]
