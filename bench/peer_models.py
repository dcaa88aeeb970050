"""A CTranslate2 model in the forms that other engines read, made once in the build folder."""
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CALIBRATION = "audio/english/librispeech_test-other/*/*.flac"  # of the shared data
CALIBRATION_CLIPS = 50


class Forms:
    """The forms of one folder: ct2 itself, ggml-f16, ggml-q8_0, openvino-int8, openvino-w8a8."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.build = Path(os.environ.get("BUILD") or ROOT / "build").resolve()
        self.shared = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
        tag = hashlib.sha256((self.folder / "model.bin").read_bytes()).hexdigest()[:12]
        self.made = self.build / "peers" / f"{self.folder.name}-{tag}"

    def path(self, form):
        """Where the model is in this form; it is written when absent."""
        if form == "ct2":
            return self.folder
        kind, variant = form.split("-")
        path = self.made / (f"ggml-{variant}.bin" if kind == "ggml" else f"openvino/{variant}")
        if not path.exists():
            print(f"peers: writing {path}", file=sys.stderr)
            path.parent.mkdir(parents=True, exist_ok=True)
            (self.write_ggml if kind == "ggml" else self.write_openvino)(variant, path)
        return path

    def write_ggml(self, variant, path):
        tool = self.build / "tests" / "models" / "convert_model"
        part = path.with_suffix(".part")
        subprocess.run([tool, self.folder, "ggml", variant, part], check=True)
        part.rename(path)

    def write_openvino(self, _variant, path):
        """Both variants at once, into a folder that gets its name when they are whole."""
        clips = sorted(self.shared.glob(CALIBRATION))[:CALIBRATION_CLIPS]
        if not clips:
            sys.exit(f"peers: no clips to calibrate with: {self.shared}/{CALIBRATION}")
        part = path.parent.with_suffix(".part")
        subprocess.run([sys.executable, ROOT / "bench" / "openvino_model.py", self.folder, part,
                        "--calibrate", *clips], check=True, stdout=sys.stderr)
        part.rename(path.parent)
