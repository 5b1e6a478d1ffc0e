"""BUU-LSPINE: lateral and AP films, each beside a table of its endplates; some patients face right, some tables have a class."""

from pathlib import Path

from PIL import Image

from tests.layouts.spines import draw_spine, spine

NUM_ROWS = {"LA": 11, "AP": 10}


def write(root: Path, num_films: int = 6, both: bool = False) -> Path:
    """Write a data set: each film another patient's, every third one AP; or of `both` views for each patient."""
    for folder in NUM_ROWS:
        (root / folder).mkdir(parents=True)
    for number in range(num_films):
        for folder in NUM_ROWS if both else [("LA", "LA", "AP")[number % 3]]:
            write_film(root / folder, f"{number + 1:04d}-{'FM'[number % 2]}-{37 + number:03d}Y0", number, NUM_ROWS[folder])
    return root


def write_film(folder, name, number, num_rows):
    """Patients of odd number face right, so that the anterior end of an endplate, which comes first, is the right one."""
    num_quads = (num_rows + 1) // 2
    Image.fromarray(draw_spine(number, num_quads)).save(folder / f"{name}.jpg", quality=95)
    rows = []
    for top_left, top_right, bottom_right, bottom_left in spine(number, num_quads):
        rows += [[*top_left, *top_right], [*bottom_left, *bottom_right]]
    if number % 2:
        rows = [row[2:] + row[:2] for row in rows]
    write_table(folder / f"{name}.csv", rows[:num_rows], with_class=number % 4 > 1)


def write_table(path, rows, with_class=False):
    """x1, y1, x2, y2[, class] per line."""
    lines = [",".join([f"{value:.2f}" for value in row] + ([f"E{i}"] if with_class else [])) for i, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")


def read_table(path):
    """The rows that `write_table` wrote, without a class."""
    return [[float(value) for value in line.split(",")[:4]] for line in path.read_text().splitlines()]
