# The skills that ask a model get one that knows a single answer.
import http.server
import json
import os
import threading
import wave

from openhands.runtime.plugins.agent_skills.file_reader.file_readers import parse_audio, parse_image


class Model(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if "audio" in self.path:
            answer = {"text": "the recording says größe"}
        else:
            message = {"role": "assistant", "content": "the model says größe"}
            answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                      "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


model = http.server.HTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=model.serve_forever, daemon=True).start()
os.environ["OPENAI_API_KEY"] = "none"
os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{model.server_port}/v1"

with wave.open("/tmp/skills/sound.wav", "wb") as sound:
    sound.setnchannels(1)
    sound.setsampwidth(2)
    sound.setframerate(8000)
    sound.writeframes(bytes(1600))
Image.new("RGB", (20, 20), "red").save("/tmp/skills/picture.png")
parse_image("/tmp/skills/picture.png")
parse_audio("/tmp/skills/sound.wav")
model.shutdown()
