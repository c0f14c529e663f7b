"""A server of the Model Context Protocol with one tool, which tells about the
process that it runs in."""

import json
import os
import ssl
import sys

TOOL = {
    "name": "about",
    "description": "Tells about the server's process.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "live", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        facts = {
            "language": "python",
            "text": params["arguments"]["text"],
            "setting": os.environ.get("OH_LIVE_SETTING"),
            "home": os.environ.get("HOME"),
            "tls": ssl.OPENSSL_VERSION.split()[0],
        }
        return {"content": [{"type": "text", "text": json.dumps(facts, ensure_ascii=False)}]}
    return {}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": answer(request["method"], request.get("params", {}))}
            print(json.dumps(reply, ensure_ascii=False), flush=True)
