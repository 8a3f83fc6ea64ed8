// Connects a page's button with the browser's dialog for passkeys, through allauth's script. The button has data-passkey:
// "add" creates a passkey, "use" proves one. The form has the field "credential", and json_script the options.
(() => {
  "use strict";

  const button = document.querySelector("[data-passkey]");
  if (!button) {
    return;
  }
  const ids = { credential: button.dataset.credential, data: "js_data" };
  const forms = window.allauth.webauthn.forms;
  const problem = document.querySelector("[data-passkey-problem]");
  if (!window.PublicKeyCredential) {
    button.disabled = true;
    problem.hidden = false;
    problem.textContent = "This browser offers no passkeys here. They need an https address with a host name.";
  } else if (button.dataset.passkey === "add") {
    forms.addForm({ ids: { ...ids, add: button.id } });
  } else {
    forms.authenticateForm({ ids: { ...ids, authenticate: button.id } });
  }
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    problem.hidden = false;
    problem.textContent = "The passkey was not accepted, or the dialog was closed. Try again.";
  });
})();
