"""Reference token ids for test/parity/tokenizer.test.ts.

    pip install ftfy regex && pip install --no-deps clip-anytorch
    python test/reference/tokenizer.py                 # writes test/reference/tokenizer.json
    python test/reference/tokenizer.py --random FILE N # N random texts, for a comparison at large

The ids are those of OpenAI CLIP's own tokenizer (as the package clip-anytorch ships it) with ftfy's repair of broken
encodings switched off, which this project leaves out on purpose.
"""

import functools
import importlib.util
import json
import pathlib
import random
import sys

import ftfy

spec = importlib.util.find_spec("clip")
path = pathlib.Path(spec.submodule_search_locations[0]) / "simple_tokenizer.py"
spec = importlib.util.spec_from_file_location("simple_tokenizer", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.ftfy.fix_text = functools.partial(ftfy.fix_text, fix_encoding=False)
tokenizer = module.SimpleTokenizer()

CASES = {
    "plain": [
        "",
        " ",
        "a photo of a cat.",
        "A Photo Of A CAT.",
        "a photo of a St. Bernard, a type of dog.",
        "hello, world!!! how's it going?  it's we've i'm they'll she'd don't they're",
        "IT'S WE'VE I'M THEY'LL SHE'D DON'T THEY'RE",
        "'s 't 're ''s 'sup rock'n'roll o'clock",
        "tabs\tand\nnew\r\nlines\fand   spaces\v.",
        "a_snake_case name-with-dashes camelCase HTTPServer2Go",
        "x",
        "~`!@#$%^&*()_+-={}[]|\\:;\"<>,.?/",
        "http://example.org/a?b=c&d=e#f",
        "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    ],
    "numbers": ["2023", "3.14159", "1,000,000", "abc123def 4x4", "½ ² ₃ Ⅷ ٣ 三", "1st 2nd 3rd", "-40°C"],
    "accents": [
        "café naïve façade Ångström",
        "cafe\u0301 a\u030angstro\u0308m",
        "ÀÉÎÕÜ ÇÑ ßẞ ŒŠŽ",
        "Łódź Przemyśl żółć",
        "İstanbul ıI",
        "ΟΔΥΣΣΕΥΣ Σίσυφος ς",
        "Привет, мир! Ёж",
        "שלום עולם مرحبا بالعالم",
        "नमस्ते दुनिया สวัสดีชาวโลก",
        "x\u0345 \u0345",
        "e\u0301\u0302\u0303\u0304",
    ],
    "cjk": [
        "一只猫的照片",
        "猫の写真、犬！",
        "고양이 사진",
        "\u1100\u1161\u11a8",
        "東京タワー 333m",
        "𠮷野家 𝒜𝓑 𐍈",
        "全角ＡＢＣ１２３！＃ ｶﾀｶﾅ ﾞ ￥￡ ￣ 　ideographic space",
    ],
    "emoji": ["😀", "a 😀😁 b", "👨‍👩‍👧‍👦 family", "👍🏽👍", "🇩🇪 🏳️‍🌈", "☃ ❤️ ★☆", "\u200b\u200d\u2060"],
    "ligatures": ["ﬁne ﬂow ﬀ ﬃ ﬄ ﬅ ﬆ", "Ĳssel ĳs ŉ Ǆ ǅ ǆ Ǉ ǈ ǉ Ǌ ǋ ǌ Ǳ ǲ ǳ", "æ Æ œ ſ 'ſ it'ſ", "ﬓ ﷺ"],
    "quotes": [
        "“double” ‘single’ „low‟ ‚low‛ ʼ",
        "it’s we’ve don’t",
        "«guillemets» ‹single› ′prime″",
        "`backtick´ – — ― … • ·",
    ],
    "html": [
        "&amp; &lt; &gt; &quot; &apos; &nbsp;x&nbsp;",
        "&amp;amp; &amp;amp;amp; &amp;amp;amp;amp;",
        "AT&T R&D Q&A a&b; &",
        "&eacute;&Eacute;&EACUTE;&NTILDE;&SZLIG;&FRAC12;",
        "&copy &copy; &reg2 &notit; &ampere &notanentity;",
        "&#65;&#x42;&#X43;&#100 &#x65g;",
        "&#0; &#1; &#13; &#x80; &#x99; &#x9d; &#xd800; &#xdfff; &#x110000; &#99999999999;",
        "&#x1f600; &#128512;",
        "&#59;&#38;#38;",
        "<b>bold</b> &amp;amp;amp; &eacute; &EACUTE; &rsquo;",
        "before &amp;amp;amp;\n<i>&amp;amp;amp;\nafter &amp;amp;amp;",
        "&rsquo;s &ldquo;x&rdquo; <&rsquo;s &ldquo;x&rdquo;",
        "<e&#x301; &#xfeff;x &#x85; &#x200b;>",
        "&CounterClockwiseContourIntegral; &NotEqualTilde; &acE; &fjlig; &ThickSpace;",
        "&ampxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;",
        "&am\u200bp; &\u00e9; &lt!-- &gt",
    ],
    "control": [
        "a\u0000b\u0001c\u0008d\u000be\u001ff\u007fg",
        "a\u001b[31mred\u001b[0m b\u001b[1;32;40mx \u001b[",
        "\ufeffBOM inside\ufeff",
        "a\u0080b\u0085c\u0091quoted\u0092 \u0099 \u0081",
        "line\u2028separator\u2029paragraph\u00a0nbsp\u2003em\u3000ideographic\u180emvs",
        "bidi \u202aabc\u202c \u2066x\u2069 \u206ax \ufff9a\ufffab\ufffb \ufffc \ufffd",
        "\u00ad soft\u00adhyphen",
        "\u001b\u001b[31m[31mx",
        "\ue000\U000f0000 \uffff \U0010ffff",
    ],
    "special": [
        "<|startoftext|>",
        "<|endoftext|>",
        "a<|startoftext|>b<|endoftext|>c",
        "<|StartOfText|> <|ENDOFTEXT|> <|startoftext|><|endoftext|>",
        "<| startoftext |> <|startoftext> !<|endoftext|> <|ſtartoftext|>",
        "&lt;|endoftext|&gt;",
        "</w> a</w> w>",
    ],
    "long": [
        "the quick brown fox jumps over the lazy dog " * 12,
        "supercalifragilistic" * 20,
        "猫" * 150,
        "a" * 300,
        "ab" * 64 + "!" * 65 + "ha" * 77 + "-" * 31,
        "😀" * 80,
    ],
}


def tokenize(text, context=77):
    ids = [49406] + tokenizer.encode(text) + [49407]
    if len(ids) > context:
        ids = ids[: context - 1] + [49407]
    return ids + [0] * (context - len(ids))


ALPHABETS = [
    list(map(chr, range(0x20, 0x7F))),
    list("&;#xX<>lgtampquoé' \n01239"),
    ["&", "&amp;", "&eacute;", "&EACUTE;", "&#", ";", "&#x", "<", "amp", "lt", "&not", "&copy", "a", "1", "'s", " ", "\n"],
    list(map(chr, range(0x00, 0x180))),
    list(map(chr, [*range(0x2B0, 0x3A0), *range(0x1C0, 0x200)])),
    list(map(chr, [*range(0x2000, 0x2070), *range(0xFB00, 0xFB20), *range(0xFF00, 0xFFFE), *range(0x41, 0x5B)])),
    list(map(chr, [*range(0x0, 0x20), 0x1B, 0x5B, 0x1B, 0x5B, *range(0x30, 0x40), *range(0x61, 0x70)])),
    None,
]


def random_text(rng):
    alphabet = rng.choice(ALPHABETS)
    if alphabet is None:
        codes = (rng.randrange(rng.choice([0x250, 0x3000, 0x10000, 0x20000])) for _ in range(rng.randrange(1, 12)))
        return "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000)
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 24)))


def main():
    if sys.argv[1:2] == ["--random"]:
        rng = random.Random(7)
        texts = [random_text(rng) for _ in range(int(sys.argv[3]))]
        pathlib.Path(sys.argv[2]).write_text(json.dumps([[t, tokenizer.encode(t)] for t in texts]))
        return
    groups = {name: [{"text": t, "ids": tokenizer.encode(t)} for t in texts] for name, texts in CASES.items()}
    rows = [CASES["plain"][0], CASES["plain"][2], CASES["long"][0], CASES["special"][2]]
    matrix = [{"text": t, "context": c, "ids": tokenize(t, c)} for t in rows for c in (77, 8, 2)]
    out = pathlib.Path(__file__).with_suffix(".json")
    out.write_text(json.dumps({"encode": groups, "tokenize": matrix}, separators=(",", ":")) + "\n")


main()
