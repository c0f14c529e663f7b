import os

import docx
import openpyxl
from PIL import Image
from pptx import Presentation

os.makedirs("/tmp/skills", exist_ok=True)
document = docx.Document()
document.add_paragraph("docx says größe")
document.save("/tmp/skills/text.docx")
slides = Presentation()
slides.slides.add_slide(slides.slide_layouts[5]).shapes.title.text = "pptx says größe"
slides.save("/tmp/skills/slides.pptx")
book = openpyxl.Workbook()
book.active["A1"] = "xlsx says größe"
book.save("/tmp/skills/table.xlsx")
Image.new("RGB", (20, 20), "red").save("/tmp/skills/scan.pdf")
with open("/tmp/skills/paper.tex", "w") as file:
    file.write(r"\documentclass{article}\begin{document}latex says $\alpha$\end{document}")

parse_docx("/tmp/skills/text.docx")
parse_pptx("/tmp/skills/slides.pptx")
parse_latex("/tmp/skills/paper.tex")
parse_pdf("/tmp/skills/scan.pdf")
print(openpyxl.load_workbook("/tmp/skills/table.xlsx").active["A1"].value)
open_file("/tmp/skills/paper.tex")
search_dir("says", "/tmp/skills")
find_file("paper.tex", "/tmp/skills")
print(file_editor(command="view", path="/tmp/skills/paper.tex"))
