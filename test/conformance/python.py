"""Runs each program of a JSON list as authentik runs a mapping, and prints a JSON list of what came of it."""
import json
import sys
import textwrap
import warnings

warnings.simplefilter("ignore")


class User:
    def __init__(self, data):
        self.username, self.name = data["name"], data["displayName"]
        self.email, self.uid = data["email"], data["uid"]
        self.attributes = data["attributes"]
        self._groups, self._merged = data["groups"], data["groupAttributes"]

    def group_attributes(self, request=None):
        return self._merged


class Request:
    def __init__(self, user):
        self.user = user


def outcome(program, data):
    user = User(json.loads(json.dumps(data)))

    def ak_is_group_member(who, **wanted):
        return wanted["name"] in who._groups

    scope = {"ak_is_group_member": ak_is_group_member}
    source = "def handler(request, user):\n" + textwrap.indent(program, "    ")
    try:
        exec(compile(source, "mapping", "exec"), scope)
    except (SyntaxError, ValueError):
        return {"kind": "syntax"}
    try:
        result = scope["handler"](Request(user), user)
    except Exception as error:
        return {"kind": "error", "what": type(error).__name__, "message": str(error)}
    try:
        return {"kind": "value", "json": json.dumps(result, allow_nan=False)}
    except (TypeError, ValueError):
        return {"kind": "no json"}


cases = json.load(sys.stdin)
json.dump([outcome(program, cases["user"]) for program in cases["programs"]], sys.stdout)
