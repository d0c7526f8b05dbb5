"""Airports of the world, as a package ships them, with the dirt that real files have: for the demo of pipelines."""

import csv
import importlib.resources
from collections.abc import Iterator, Mapping
from pathlib import Path

FILES = 4
COLUMNS = ("code", "name", "city", "country", "elevation", "latitude", "longitude", "timezone", "checked_at")
OLD, NEW = "2026-10-01 08:00:00", "2026-11-01 08:00:00"
EUROPE = ("DE", "FR", "GB", "ES", "IT", "NL", "PL", "SE", "CH", "AT")
REGIONS = {
    "US": "North America",
    "CA": "North America",
    "MX": "North America",
    "KR": "Asia",
    "JP": "Asia",
} | dict.fromkeys(EUROPE, "Europe")


def write_airports(folder: Path) -> Mapping[str, int]:
    """Write the airports to CSV files below `folder`, planted dirt by kind: how many rows of each.

    Every 50th airport is there twice, an older version after the newer one; every 70th has its elevation in metres as a
    text, every 90th no latitude that could be; names have stray spaces, and countries small letters here and there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    planted = {"airports": 0, "older versions": 0, "elevations that are none": 0, "latitudes off the earth": 0}
    writers = [_Writer(folder / f"airports-{number}.csv") for number in range(1, FILES + 1)]
    for number, airport in enumerate(_airports()):
        writer = writers[number % FILES]
        planted["airports"] += 1
        row = _dirty(airport, number, planted)
        writer.rows.append(row)
        if number % 50 == 0:
            planted["older versions"] += 1
            writer.rows.append([*row[:1], "name of before", *row[2:-1], OLD])
    for writer in writers:
        writer.close()
    _Writer(folder / "regions.csv", ("country", "region"), [[*pair] for pair in sorted(REGIONS.items())]).close()
    return planted


def _dirty(airport: dict[str, str], number: int, planted: dict[str, int]) -> list[str]:
    elevation, latitude = airport["elevation"], airport["lat"]
    if number % 70 == 3:
        elevation = "unknown"
        planted["elevations that are none"] += 1
    elif number % 90 == 7:
        latitude = str(float(latitude or 0) + 500)
        planted["latitudes off the earth"] += 1
    name = f"  {airport['name']} " if number % 11 == 0 else airport["name"]
    country = airport["country"].lower() if number % 13 == 0 else airport["country"]
    place = [elevation, latitude, airport["lon"], airport["tz"]]
    return [airport["icao"], name, airport["city"], country, *place, NEW]


def _airports() -> Iterator[dict[str, str]]:
    file = importlib.resources.files("airportsdata") / "airports.csv"
    with file.open(encoding="utf-8") as opened:
        yield from csv.DictReader(opened)


class _Writer:
    def __init__(self, path: Path, columns: tuple[str, ...] = COLUMNS, rows: list[list[str]] | None = None) -> None:
        self._path = path
        self._columns = columns
        self.rows = rows or []

    def close(self) -> None:
        with self._path.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(self._columns)
            writer.writerows(self.rows)
