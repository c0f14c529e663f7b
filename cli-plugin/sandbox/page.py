"""Serves one page on this machine and runs a program with its address, or
writes the address and goes on until the container ends."""

import http.server
import subprocess
import sys
import threading

PAGE = b"""<!doctype html><meta charset=utf-8><title>A page</title><p id=p>before</p>
<script>document.getElementById("p").textContent = "seen " + 6 * 7</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
address = f"http://127.0.0.1:{server.server_port}/"
if len(sys.argv) == 1:
    print(address, flush=True)
    server.serve_forever()
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.exit(subprocess.run([*sys.argv[1:], address]).returncode)
