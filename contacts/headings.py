"""The words by which the heading of a column says what the column holds, in any script."""

import re
import unicodedata
from functools import cache

_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
# Letters that Unicode does not take apart.
_UNDECOMPOSED = str.maketrans("đłøı", "dloi")
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_ALPHABETS = re.compile(r"[a-z0-9\u0370-\u03ff\u0400-\u052f* ]+")


def plain(title: str) -> str:
    """``title`` as lower-case words without accents: ``"Cell_No."``, ``"cellNo"`` and ``"CELL NO"`` become
    ``"cell no"``."""
    decomposed = unicodedata.normalize("NFKD", _CAMEL.sub(" ", title)).casefold().translate(_UNDECOMPOSED)
    letters = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    return " ".join(_WORDS.findall(letters))


@cache
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Matches a plain title that has one of ``phrases`` as whole words; a final ``*`` stands for any ending.

    Scripts that put no space between words, or join an article to them, match anywhere.
    """
    parts = []
    for phrase in phrases:
        known = plain(phrase)
        if not _ALPHABETS.fullmatch(known):
            parts.append(re.escape(known))
        else:
            parts.append(rf"(?<!\w){re.escape(known)}" + ("" if phrase.endswith("*") else r"(?!\w)"))
    return re.compile("|".join(parts))


def has_one_of(phrases: tuple[str, ...], title: str) -> bool:
    """Whether ``title`` contains one of ``phrases``."""
    return bool(_pattern(phrases).search(plain(title)))


def is_one_of(phrases: tuple[str, ...], title: str) -> bool:
    """Whether ``title`` is one of ``phrases`` and nothing else."""
    return plain(title) in map(plain, phrases)


MOBILE = (
    "cell", "cells", "cellno", "cellnr", "cellnum", "cellnumber", "cellphone*", "celphone", "cel", "celular",
    "celulares", "celnr", "cellulare", "cellulaire", "selfoon*", "selnommer*", "selno", "selnr", "sel", "mobil*",
    "mobiel*", "mob", "movil", "moviles", "telemovel", "telemoveis", "portable", "handy*", "gsm", "msisdn",
    "handset", "natel", "komork*", "kom", "matkapuhelin*", "kannykka", "cep", "мобил*", "мобіл*", "моб", "сотов*",
    "стильник*", "стільник*", "κινητ*", "di dong", "rununu", "mkononi", "selula", "iselula", "sms number", "sms no",
    "手机", "手機", "携帯", "移动电话", "行動電話", "휴대", "핸드폰", "جوال", "موبايل", "موبیل", "محمول", "نقال",
    "خلوي", "נייד", "סלולר", "मोबाइल", "มือถือ", "ሞባይል", "মোবাইল", "موبائل",
)  # fmt: skip
PHONE = (
    "phone", "phones", "phoneno", "phonenr", "phonenum*", "telephone*", "teleph*", "tel", "tels", "telno", "telnr",
    "telefo*", "foon*", "fone", "fones", "fono", "contact", "contactno", "contactnr", "contactnumber",
    "kontaknommer", "kontaktnummer", "kontaktnr", "contato", "contacto", "whatsapp", "whats app", "simu", "ucingo",
    "yocingo", "mnxeba", "umnxeba", "yomnxeba", "mohala", "mogala", "puhelin*", "тел", "телефон*", "τηλ",
    "τηλεφων*", "dien thoai", "sdt", "电话", "電話", "联系方式", "전화", "연락처", "هاتف", "تلفون", "تليفون",
    "تلفن", "טלפון", "फोन", "फ़ोन", "ফোন", "โทร", "ስልክ", "فون",
)  # fmt: skip
#: Complete titles that people usually give to a column of phone numbers.
PHONE_TITLES = (
    "phone", "phone number", "mobile number", "mobile", "cell number", "cell", "cellphone", "cellphone number",
    "cell phone", "cell phone number", "mobile phone", "mobile phone number", "msisdn", "telephone",
    "telephone number", "tel", "tel no", "phone no", "mobile no", "cell no", "contact number", "contact no",
    "handset", "gsm", "handy", "handynummer", "telefon", "telefonnummer", "mobilnummer",
)  # fmt: skip
#: Complete titles of a phone or of another person to contact.
CONTACT_TITLES = ("contact", "contacts", "contato", "contacto")
#: A number by which the person is reached less surely than by a plain mobile or phone.
QUALIFIED = (
    "home", "house", "work", "office", "business", "company", "landline", "land line", "fixed", "alt", "alternate",
    "alternative", "other", "additional", "backup", "secondary", "second", "old", "previous", "switchboard",
    "reception", "w", "h", "o", "b", "huis", "werk", "kantoor", "ander", "casa", "residencial", "comercial",
    "trabalho", "trabajo", "fixo", "fijo", "fixe", "domicile", "bureau", "travail", "privat", "geschaftlich",
    "festnetz", "buro", "nyumbani", "kazini", "ofisi", "домашн*", "рабоч*", "служебн*", "дополнительн*", "запасн*",
    "المنزل", "العمل", "ثابت", "المكتب", "家庭", "办公", "辦公", "固定", "座机", "自宅", "勤務先", "집", "회사",
)  # fmt: skip
#: The number of someone else.
ANOTHER_PERSON = (
    "kin", "emergency", "spouse", "partner", "wife", "husband", "parent", "guardian", "mother", "father",
    "assistant", "manager", "agent", "consultant", "rep", "representative", "referee", "doctor", "noodkontak",
    "landlord", "employer", "neighbour", "neighbor", "friend", "brother", "sister", "son", "daughter", "child",
    "mum", "mom", "dad", "teacher", "sponsor", "emergencia", "urgence",
    "notfall", "dharura", "экстренн*", "طوارئ", "紧急", "緊急",
)  # fmt: skip
#: Not a number to text, whatever else the heading says.
NEVER_PHONE = (
    "id", "ids", "type", "label", "network", "consent", "opt", "optin", "optout", "opted", "status", "date", "time",
    "ext", "extension", "imei", "serial", "sim", "code", "prefix", "group", "email", "e mail", "mail", "count",
    "bill", "plan", "تاريخ", "日期",
)  # fmt: skip
NAME = (
    "name", "names", "person", "naam", "nome", "nombre", "nom", "jina", "имя", "фио", "الاسم", "اسم", "姓名",
    "联系人", "聯絡人",
)  # fmt: skip
#: Not a number to text, unless the heading also has a word for a phone: "Customer mobile".
OTHER_NUMBER = (
    "fax", "faks", "telefax", "факс", "فاكس", "传真", "傳真", "팩스", "identity", "identiteit", "identiteits*",
    "identidade", "identite", "idnumber", "idno", "idnr", "idnommer", "passport", "paspoort", "passaporte",
    "paspor*", "паспорт", "rsa", "nic", "nif", "cpf", "cnpj", "dni", "nuit", "ssn", "инн", "снилс", "هوية", "جواز",
    "身份证", "身分證", "護照", "护照", "kitambulisho", "account", "acc", "acct", "accno", "accountno", "rekening*",
    "konto*", "compte", "conta", "cuenta", "akaunti", "счет", "счета", "حساب", "账号", "账户", "帳號", "bank",
    "iban", "branch", "amount", "balance", "total", "price", "value", "sum", "due", "paid", "arrears", "salary",
    "bedrag", "saldo", "valor", "montant", "solde", "importe", "betrag", "kiasi", "salio", "сумма", "баланс",
    "المبلغ", "الرصيد", "مبلغ", "رصيد", "金额", "余额", "金額", "餘額", "invoice", "order", "reference", "ref",
    "policy", "customer", "client", "member", "membership", "employee", "staff", "student", "learner", "patient",
    "card", "loyalty", "voucher", "ticket", "case", "claim", "loan", "kliente*", "klant*", "kunden*", "cliente",
    "faktuur*", "factura", "fatura", "facture", "клиент*", "mteja", "العميل", "客户", "客戶", "birth", "dob", "age",
    "year", "postal", "zip", "postcode", "tax", "vat", "erf", "stand", "meter", "reg", "registration", "vehicle",
    "points", "qty", "quantity", "latitude", "longitude", "lat", "lng", "gps",
)  # fmt: skip
#: In the order in which they are looked for.
CUSTOMER_ID = (
    "customer id", "customerid", "customer number", "customer no", "customer nr", "customer code", "customer",
    "client id", "client number", "client no", "client nr", "client code", "account number", "account no",
    "account nr", "account id", "acc no", "acc nr", "account", "member number", "member no", "member id",
    "membership number", "membership no", "policy number", "policy no", "kliëntnommer", "klantnommer", "klientnr",
    "rekeningnommer", "kundennummer", "kunden nr", "klantnummer", "numéro client", "numéro de client", "n client",
    "id client", "código do cliente", "código cliente", "número do cliente", "id cliente", "número de cliente",
    "id del cliente", "номер клиента", "id клиента", "код клиента", "رقم العميل", "客户编号", "客户号", "客戶編號",
    "顧客番号", "고객번호", "namba ya mteja", "reference", "ref", "ref no", "id",
)  # fmt: skip
MESSAGE = (
    "message", "messages", "own text", "sms", "sms text", "sms message", "sms body", "text", "text message",
    "message text", "message body", "body", "boodskap", "sms boodskap", "bericht", "teks", "nachricht",
    "sms nachricht", "mensagem", "texto", "mensaje", "texto sms", "texte", "texte sms", "messaggio", "testo",
    "сообщение", "текст", "текст сообщения", "رسالة", "الرسالة", "نص الرسالة", "短信", "短信内容", "消息", "訊息",
    "簡訊", "メッセージ", "메시지", "문자", "ujumbe", "umlayezo", "molaetsa",
)  # fmt: skip
