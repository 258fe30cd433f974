"""GPUs of AMD on older servers: ``rocm-smi`` in JSON, and who is on them by the kernel's own list.

In: what ``rocm-smi`` prints, a text for each value, under names that differ between versions, and
/sys/class/kfd. Out: as of `scms.probe.amd`. Python 3.6, standard library alone; this file travels
to servers as it is (see scms.collect.bootstrap).
"""

import json
import os

from .amd import Amd
from .readers import content

ASKED = (
    "--showuniqueid --showproductname --showbus --showdriverversion --showuse --showmemuse "
    "--showmeminfo vram --showpower --showmaxpower --showtemp --showclocks --showfan "
    "--showreplaycount --json"
).split()
KFD_FACTS = "/sys/class/kfd/kfd"
#: By what a lane carries.
GENERATIONS = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}


class Rocm(Amd):
    """Asks ``rocm-smi`` aside."""

    called, strict = "rocm-smi", False  # old ones fail where a card has no fan

    def __init__(self, program, describe, hang_seconds=30.0, kfd=KFD_FACTS):
        Amd.__init__(self, program, describe, hang_seconds)
        self.kfd = kfd

    def _read(self):
        said = self._say(ASKED)
        numbers = kfd_numbers(self.kfd)
        self.driver = lowered(said.get("system")).get("driver version") or self.driver
        self.known, devices, facts = {}, [], {}
        for index, card in cards(said):
            known = self.known[index] = identity(index, card)
            running = kfd_processes(self.kfd, numbers.get(bus(card)))
            device = dict(known, **card_measures(card))
            device["processes"] = None if running is None else self._rows(running)
            devices.append(device)
            facts[known["uuid"]] = card_facts(card)
        return devices, facts

    def _rows(self, running):
        rows = []
        for pid, memory in sorted(running.items()):
            described = self.describe(pid)
            if described is not None:
                user, command, started, container = described
                rows.append([pid, user, command, memory, started, None, container])
        return rows

    def _parse(self, text):
        """It may warn before what it says, and after it."""
        return json.JSONDecoder().raw_decode(text, max(text.find("{"), 0))[0]


def lowered(said):
    """Values by names in small letters, without those that are not available."""
    if not isinstance(said, dict):
        return {}
    texts = {name.lower().rstrip(":"): str(value).strip() for name, value in said.items()}
    return {name: text for name, text in texts.items() if text not in ("", "N/A", "None")}


def cards(said):
    """(number, values) of each card, in order."""
    numbers = [name[4:] for name in said if name.startswith("card") and name[4:].isdigit()]
    return [(int(number), lowered(said["card" + number])) for number in sorted(numbers, key=int)]


def identity(index, card):
    """What a card is. Not each has a number of its own: then it is known by its slot there."""
    unique = card.get("unique id") or "%s-%s" % (os.uname().nodename, bus(card) or index)
    names = [card.get(key, "0x") for key in ("card series", "device name", "card model")]
    told = [name for name in names if not name.startswith("0x")]  # else it is only a number
    return {
        "uuid": "AMD-" + unique,
        "index": index,
        "name": told[0] if told else "AMD GPU",
        "power_limit": quantity(card, "max graphics package power (w)"),
        "fault": None,
    }


def card_measures(card):
    """What changes, as the protocol calls it."""
    total, used = (quantity(card, "vram total %s(b)" % k) for k in ("memory ", "used memory "))
    return {
        "utilization": quantity(card, "gpu use (%)"),
        "memory_utilization": quantity(
            card, "gpu memory read/write activity (%)", "gpu memory use (%)"
        ),
        "memory_total": total,
        "memory_used": used,
        "memory_free": None if None in (total, used) else total - used,
        "power": quantity(
            card,
            "average graphics package power (w)",
            "current socket graphics package power (w)",
        ),
        "temperature": quantity(
            card, "temperature (sensor junction) (c)", "temperature (sensor edge) (c)"
        ),
        "memory_temperature": quantity(card, "temperature (sensor memory) (c)"),
        "sm_clock": hertz(card, "sclk clock speed"),
        "memory_clock": hertz(card, "mclk clock speed"),
    }


def card_facts(card):
    """What hardly changes; the link stands there as ``1 (16.0GT/s x16)``."""
    speed, _, width = card.get("pcie clock level", "").partition("(")[2].partition("GT/s x")
    return {
        "fan": quantity(card, "fan speed (%)"),
        "ecc": [None] * 4,
        "pcie": [
            GENERATIONS.get(as_number(speed)),
            as_number(width.rstrip(")")),
            quantity(card, "pcie replay count"),
        ],
    }


def quantity(card, *names):
    """The number under the first name that has one."""
    for name in names:
        found = as_number(card.get(name))
        if found is not None:
            return found
    return None


def as_number(text):
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return int(value) if value == int(value) else value


def hertz(card, name):
    """Of ``(1725Mhz)``."""
    value = as_number(card.get(name, "").strip("()").lower().replace("mhz", ""))
    return None if value is None else value * 1000000


def bus(card):
    return card.get("pci bus", "").lower()


def kfd_numbers(root):
    """The number that the kernel has for each GPU, by its place on the PCI bus."""
    folder, found = os.path.join(root, "topology/nodes"), {}
    for node in os.listdir(folder) if os.path.isdir(folder) else ():
        number = content(folder, node, "gpu_id")
        lines = [line.split() for line in content(folder, node, "properties").splitlines()]
        facts = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
        if number not in ("", "0") and "location_id" in facts:  # 0 is a processor
            place = facts["location_id"]
            where = facts.get("domain", 0), place >> 8 & 255, place >> 3 & 31, place & 7
            found["%04x:%02x:%02x.%x" % where] = number
    return found


def kfd_processes(root, number):
    """Memory by pid of those that hold some; None where the kernel does not tell."""
    folder = os.path.join(root, "proc")
    if number is None or not os.path.isdir(folder):
        return None
    found = {}
    for pid in os.listdir(folder):
        held = content(folder, pid, "vram_" + number)
        if pid.isdigit() and held.isdigit() and held != "0":
            found[int(pid)] = int(held)
    return found
