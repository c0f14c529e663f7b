"""Writes builtins.json: what Jinja itself makes of expressions with the filters,
tests and methods that templates can call here. Run it with Jinja installed:

    python builtins.py >builtins.json

Expressions that Jinja refuses are left out, and None, which is undefined here.
"""

import json

import jinja2

TEXTS = ["base_image", "''", "'  Äb c '", "'ABC'", "'abc'"]
VALUES = [*TEXTS, "0", "3", "1.5", "['x', 'y']"]
FILTERS = ["capitalize", "d", "d('z')", "default('z', true)", "default('z', boolean=true)", "first", "last", "length",
           "lower", "string", "trim", "trim('a')", "trim(chars='C')", "upper"]
TESTS = ["boolean", "callable", "defined", "undefined", "none", "true", "false", "string", "number", "integer", "float",
         "mapping", "iterable", "sequence", "odd", "even", "divisibleby(3)", "in ['abc', 3]", "eq 3", "equalto 'abc'",
         "ne 3", "lt 3", "lessthan 4", "le 3", "gt 3", "greaterthan 2", "ge 4", "sameas true"]
METHODS = ["endswith('c')", "endswith('b', 0, 2)", "endswith('')", "startswith('a')", "startswith('b', 1)",
           "startswith('c', -1)", "startswith('', 9)", "strip()", "strip('a')", "strip('A ')", "lower()", "upper()"]

expressions = [f"{v} | {f}" for v in VALUES for f in FILTERS]
expressions += [f"{v} is {t}" for v in VALUES for t in TESTS]
expressions += [f"{v} is {t}" for v in ("true", "false") for t in TESTS[:TESTS.index("odd")]]  # no numbers here
expressions += [f"{v} is {t}" for v in TEXTS for t in ("lower", "upper", "ne 'abc'", "lt 'b'", "ge 'b'", "in 'xabcx'")]
expressions += [f"{v}.{m}" for v in TEXTS for m in METHODS]
expressions += [f"nothing | {f}" for f in FILTERS] + ["nothing is defined", "nothing is undefined"]
expressions += ["'upper' is filter", "'join-all' is filter", "'odd' is test", "'strange' is test", "(1 == 1) is sameas true"]

found = {}
for expression in expressions:
    try:
        found[expression] = jinja2.Template("{{ " + expression + " }}").render(base_image="debian:13")
    except (jinja2.TemplateError, TypeError):
        pass
print(json.dumps(found, ensure_ascii=False, indent=0, sort_keys=True))
