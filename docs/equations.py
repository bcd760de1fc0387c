"""Equations of docstrings and guides as HTML, without scripts or fonts of other sites.

In the source, an equation is a line of text: `h_i' = σ(Σ_{j ∈ N(i)} A_ij h_j + b)`.
`_` and `^` begin a subscript and a superscript: letters, or a group in brackets. "/"
between spaces makes a fraction of the words beside it. Other spaces are kept.
"""

import html
import re
import textwrap

BRACKETS = dict(zip("([{", ")]}", strict=True))
LIMITS = {"Σ": "∑", "∪": "⋃"}  # what they range over is below them
ABOVE = str.maketrans("⁰¹²³⁺⁻ᵀˡᴸ'*", "0123+-TlL′∗")
BELOW = str.maketrans("₀₁₂₃", "0123")

_LETTER = r"[^\W\d_]\u0303?"  # perhaps with a tilde, as in "D̃"
_ATOM = re.compile(rf"[a-z]{{3,}}_[a-z]{{3,}}|(?:{_LETTER})+|[\d.½]*[\d½]|.")
_SCRIPT = re.compile(rf"([_^])((?:{_LETTER})+|\d+|(?=[({{]))")


def block(text: str) -> str:
    """Returns lines of equations as HTML."""
    lines = textwrap.dedent(text).replace("`", "").splitlines()
    return f'<div class="equation">{"".join(map(_line, lines))}</div>'


def _line(line):
    indent = "&emsp;" * line.startswith(" ")
    label = html.escape(line.strip())
    return f'<div role="math" aria-label="{label}">{indent}{equation(line)}</div>'


def equation(line: str) -> str:
    """Returns a line as HTML."""
    line = line.strip()
    for sign, letters in (("^", ABOVE), ("_", BELOW)):
        run = f"[{''.join(map(chr, letters))}]+"
        for found in sorted(set(re.findall(run, line)), key=len, reverse=True):
            line = line.replace(found, f"{sign}{{{found.translate(letters)}}}")
    return _row(line)


def _row(text):
    """Words, with the spaces between them, and fractions."""
    words, made = _words(text), ""
    while words:
        (word, gap), *words = words
        if words and words[0][0] == "/":
            size = 2 if words[1][0].startswith("Σ") else 1  # a sum, and of what
            divisor = " ".join(word for word, _ in words[1 : 1 + size])
            gap, words = words[size][1], words[1 + size :]
            mark = "," * divisor.endswith(",")
            made += (
                _stacked("fraction", *map(_inner, (word, divisor.rstrip(",")))) + mark
            )
        else:
            made += _word(word)
        made += " " if gap == 1 else "&emsp;&emsp;" if gap else ""
    return made


def _words(text):
    """Pairs of a word and the number of spaces behind it. Brackets are one word."""
    words, depth = [["", 0]], 0
    for letter in text:
        depth += (letter in BRACKETS) - (letter in BRACKETS.values())
        if letter == " " and depth == 0:
            words[-1][1] += 1
            continue
        if words[-1][1]:
            words.append(["", 0])
        words[-1][0] += letter
    return words


def _inner(text):
    """A part of a fraction, which needs no brackets around it."""
    return _row(text[1:-1] if _group(text) == text else text)


def _word(text):
    """Names, numbers, operators and groups, with what is below and above each."""
    made = ""
    while text:
        group = _group(text)
        base = group or _ATOM.match(text)[0]
        text = text[len(base) :]
        scripts = {"_": "", "^": ""}
        while script := _SCRIPT.match(text):
            sign, letters = script.groups()
            inside = "" if letters else _group(text[1:])
            text = text[script.end() + len(inside) :]
            scripts[sign] += _index(letters) if letters else _row(inside[1:-1])
        below, above = scripts.values()
        if base in LIMITS and below:
            made += _stacked("limits", LIMITS[base], below)
            continue
        made += f"{group[0]}{_row(group[1:-1])}{group[-1]}" if group else _atom(base)
        if below and above:
            made += _stacked("scripts", above, below)
        else:
            made += f"<sub>{below}</sub>" * bool(below) + f"<sup>{above}</sup>" * bool(
                above
            )
    return made


def _group(text):
    """The brackets with which a text begins, or nothing."""
    depth = 0
    for end, letter in enumerate(text, start=1):
        depth += (letter in BRACKETS) - (letter in BRACKETS.values())
        if depth == 0:
            return text[:end] if end > 1 else ""
    return ""


def _index(letters):
    """One or two small letters are indices, more are a word."""
    parts = letters if len(letters) < 3 and letters.islower() else [letters]
    return "".join(map(_atom, parts))


def _atom(text):
    """A letter is a variable, several are a word."""
    is_letter = (text.isalpha() and len(text) == 1) or text.endswith("\u0303")
    text = html.escape({"-": "−", "Σ": "∑"}.get(text, text))
    return f"<i>{text}</i>" if is_letter and text != "∑" else text


def _stacked(name, *parts):
    spans = "".join(f"<span>{part}</span>" for part in parts)
    return f'<span class="{name}">{spans}</span>'
