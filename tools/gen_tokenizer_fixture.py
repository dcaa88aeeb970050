#!/usr/bin/env python3
"""Writes what openai/whisper's tokenizer does with texts of many scripts, the oracle of
tests/unit/test_tokenizer.c: tokenizer_gpt2.tsv, tokenizer_multilingual.tsv, languages.tsv and
compression.tsv in tests/data.

Usage: gen_tokenizer_fixture.py WHISPER_ASSETS_DIR OUT_DIR
Needs: pip install tiktoken openai-whisper; WHISPER_ASSETS_DIR is whisper/assets of the latter.

The vocabulary travels with the fixture, cut to the tokens that are a substring of some piece of
the texts: BPE asks for no others, so the ids are those of the whole vocabulary. One record a
line, fields by tabs, bytes in base64:
    size    N_TOKENS
    token   ID      BYTES
    text    BYTES   ID ID …
    words   LANGUAGE|-      ID ID …     COUNT ID…: BYTES per word, by tabs
    suppress    ID ID …     (non_speech_tokens)
    language    CODE    NAME    ALIAS …
    ratio   BYTES   COUNT   RATIO   (compression ratio of the bytes COUNT times over)
"""
import base64
import random
import sys
import zlib

import regex
import tiktoken

sys.dont_write_bytecode = True

TEXTS = [
    "", " ", "  ", "\n", "a", " a", "  a", "a ", "a  ", " \n a", "\t\tx\r\n y", "a\u00a0b",
    "a \u3000 b", "x\u2028\u2029y", "\u0085z", "\x1c\x1f q", "tabs\tand\nlines\n\n  indented",
    "And so, my fellow Americans, ask not what your country can do for you.",
    "I'm, you're, he's, we've, they'll, she'd, don't, 'tis, I'M, Y'ALL'S, 'sss ''s",
    " 's 't 're",
    "it's\u2019s O\u2019Neill", "3.14159 1,000,000 42nd 7x \u00bd \u0664\u0662 \u2167",
    "snake_case CamelCase HTTP/2.0 foo@bar.example #tag $5 100% C++ a->b <<>> {[()]}",
    "!!!???... --- ... \u2026 \u2014 \u201cquoted\u201d \u00abguillemets\u00bb",
    "[Music] (applause) ♪ la la ♪♪ ♫ ♩♬♭♮♯ *laughs*"
    " <|endoftext|>",
    "😀👍🏽 👨\u200d👩\u200d👧 🇩🇪 ❤\ufe0f",
    "Za\u0301\u0301\u0301\u030a e\u0301 é ﬁ İı ßẞ",
    "Straße, Ärger, über Größe; naïve façade, déjà vu, ça et là",
    "¿Dónde está el niño? ¡Mañana! Não, coração, pão. Città, perché.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń. Árvíztűrő tükörfúrógép.",
    "İstanbul'da güneşli bir gün. Tiếng Việt có nhiều dấu thanh. Það er gaman að læra íslensku.",
    "Съешь же ещё этих мягких французских булок. Їжак і ґанок. Љубав. Қазақ тілі. Монгол хэл.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Բարեւ ձեզ, ինչպե՞ս եք։ გამარჯობა, როგორ ხარ?",
    "שלום עולם, מה שלומך? אִידיש. مرحبا بالعالم، كيف حالك؟ سلام دنیا، چطوری؟ ہیلو دنیا پښتو سنڌي",
    "नमस्ते दुनिया, आप कैसे हैं? মই ভাল আছি। ওহে বিশ্ব। ਸਤ ਸ੍ਰੀ ਅਕਾਲ। નમસ્તે દુનિયા.",
    "வணக்கம் உலகம். హలో ప్రపంచం. ನಮಸ್ಕಾರ ಜಗತ್ತು. ഹലോ ലോകം. ආයුබෝවන් ලෝකය.",
    "สวัสดีชาวโลก สบายดีไหม ສະບາຍດີຊາວໂລກ မင်္ဂလာပါ ကမ္ဘာလောက သွားမယ် សួស្តី​ពិភពលោក བོད་སྐད་ཡིག",
    "今天天气很好，我们去公园吧。繁體中文與廣東話：你食咗飯未呀？",
    "こんにちは、世界。カタカナと漢字とﾊﾝｶｸ、そして「引用」『二重』。",
    "안녕하세요 세계, 오늘 날씨가 좋네요! ሰላም ልዑል፣ እንዴት ነህ? ᐃᓄᒃᑎᑐᑦ ᎣᏏᏲ",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈𐌰𐌹 𠀀𠀁 \U0010fffd � \ue000 \u200b\u200e\ufeff",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "-" * 70 + "=" * 33 + " " * 40 + "." * 27, "abcabcabcabcabcabcxyzxyzxyzxyz" * 3,
    "0123456789" * 6, "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "Kia ora e te ao. Habari dunia. Sannu duniya. Ẹ káàbọ̀. Mhoro. Salaan. Aloha kākou, ʻōlelo.",
]

WORD_SPLITS = [
    ("-", " And so, my fellow Americans: ask not -- what's \"up\" (now)?\n\nYes.", True),
    ("en", " Wait... 3.14 ♪♪ café naïve 😀!", True),
    ("de", " Der Straßenübergang, \u201eso\u201c sagt er.", False),
    ("zh", "今天天气很好\uff0c我们去公园吧\u3002𠀀", True),
    ("ja", "こんにちは\u3001世界\u3002 カタカナ", True),
    ("th", "สว\u0e31สด\u0e35ชาวโลก", True),
    ("lo", "ສະບາຍດີຊາວໂລກ", False),
    ("my", "မင်္ဂလာပါ ကမ္ဘာလောက", False),
    ("yue", "你食咗飯未呀？我哋去飲茶", True),
    ("ru", " Съешь же ещё булок", True),
    ("en", " ends in � a replacement", True),
]


def code(data):
    return base64.b64encode(data).decode()


def join(ids):
    return " ".join(map(str, ids))


def random_texts(generator):
    """Strings of code points of every plane and class, spaces and apostrophes among them."""
    starts = [0x20, 0x27, 0x41, 0x61, 0x30, 0xa0, 0xc0, 0x370, 0x400, 0x5d0, 0x620, 0x900, 0xe00,
              0x1e00, 0x2000, 0x2150, 0x2600, 0x3040, 0x4e00, 0xac00, 0xff10, 0x10330, 0x1d400,
              0x1f600]
    for _ in range(40):
        count = generator.randrange(1, 16)
        yield "".join(chr(generator.choice(starts) + generator.randrange(16))
                      if generator.random() < 0.7 else generator.choice(" \n'streamvld")
                      for _ in range(count))


def ratios():
    noise = random.Random(7)
    for data, count in [
            (b"", 1), (b"a", 1), (TEXTS[17].encode(), 1), (b" you you you you", 50),
            (TEXTS[30].encode(), 7), (noise.randbytes(600), 1),
            (bytes(noise.randrange(97, 103) for _ in range(150)), 400)]:
        whole = data * count
        yield "ratio", code(data), count, repr(len(whole) / len(zlib.compress(whole)))


def fixture(tokenizer):
    encoding = tokenizer.encoding
    pattern = regex.compile(encoding._pat_str)
    ranks = encoding._mergeable_ranks
    texts = TEXTS + list(random_texts(random.Random(1)))
    needed = {bytes([value]) for value in range(256)}
    symbols = list('"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯')
    symbols += "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ - '".split()
    spoken = texts + [text for _, text, _ in WORD_SPLITS] + symbols + [" " + s for s in symbols]
    for text in spoken:
        for piece in pattern.findall(text):
            data = piece.encode()
            needed |= {data[i:j] for i in range(len(data)) for j in range(i + 1, len(data) + 1)}
    yield "size", encoding.n_vocab
    for data in sorted(needed & ranks.keys(), key=ranks.get):
        yield "token", ranks[data], code(data)
    for text in texts:
        yield "text", code(text.encode()), join(encoding.encode_ordinary(text))
    for language, text, ended in WORD_SPLITS:
        ids = encoding.encode_ordinary(text)
        if ended:
            ids = [tokenizer.timestamp_begin, *ids, tokenizer.timestamp_begin + 54, tokenizer.eot]
        tokenizer.language = None if language == "-" else language
        words, word_ids = tokenizer.split_to_word_tokens(ids)
        assert sum(word_ids, []) == ids, text
        yield ("words", language, join(ids),
               *(f"{len(part)}:{code(word.encode())}" for word, part in zip(words, word_ids)))
    yield "suppress", join(tokenizer.non_speech_tokens)


def languages(module):
    for language, name in module.LANGUAGES.items():
        aliases = [alias for alias, to in module.TO_LANGUAGE_CODE.items()
                   if to == language and alias != name]
        yield ("language", language, name, *aliases)


def load_tokenizer_module(assets):
    """whisper/tokenizer.py alone: importing the package would need PyTorch."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("whisper_tokenizer", f"{assets}/../tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["whisper_tokenizer"] = module
    spec.loader.exec_module(module)
    return module


def write(path, records):
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            print(*record, sep="\t", file=file)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    module = load_tokenizer_module(arguments[0])
    for name, multilingual in [("gpt2", False), ("multilingual", True)]:
        tokenizer = module.get_tokenizer(multilingual)
        write(f"{arguments[1]}/tokenizer_{name}.tsv", fixture(tokenizer))
    write(f"{arguments[1]}/languages.tsv", languages(module))
    write(f"{arguments[1]}/compression.tsv", ratios())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
