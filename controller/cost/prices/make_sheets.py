#!/usr/bin/env python3
"""Makes the bundled price sheets. Run it where the Python package `apache-libcloud` 3.9.1 (Apache-2.0) is installed:

    pip install --no-deps apache-libcloud==3.9.1
    python3 controller/cost/prices/make_sheets.py            # writes the sheets and manifest.json beside itself
    python3 controller/cost/prices/make_sheets.py --check    # only compares; fails where one differs

Where each number is from:

- AWS: `compute.ec2_linux` of the package's data/pricing.json, whose field `updated` says 2025-03-02; sizes from its
  compute/constants/ec2_instance_types.py. That file holds, per type and region, whichever offer was read last: on-demand
  with shared tenancy, the same with dedicated tenancy (dearer), or an allocated capacity reservation (0). Within one
  family and region AWS prices are proportional to memory. So the price per GiB that counts is the lowest positive one of
  the family and region, at least two sizes must show it, and only rows that show it are kept: what is 0 or dearer is
  left out, nothing is filled in. CHECKED is a sample of the result from a second source.
- Azure: `compute.azure_linux`, pay as you go, of the same file. The numbers have not changed since release 3.3.0, whose
  file says 2020-08-30: that is their date. The count of cores is read from the name of the size, as Microsoft documents
  names of sizes; memory is not in the data and is left empty.
- GCP: `compute.gce_instances`, per core and GiB, on demand and preemptible; unchanged since 2020-08-30 as well.
- GPUs and the like on AWS: the same file. Prices of these families do not grow with memory, but the ratio of two sizes is the
  same everywhere. AWS_GPUS holds dollars an hour of us-east-1 from the second source, which are the sheet's for us-east-1;
  elsewhere, per group and region, the lowest ratio to it counts, on which at least two sizes must agree, and only rows that
  show it are kept. Families whose list prices fell after the first file was made (p4d, p4de, p5, p5en) are of us-east-1 alone.
- GPUs on Azure: `compute.azure_linux` again; how many GPUs a size has is Microsoft's word, as AZURE_GPUS has it. GCP's
  families with GPUs (a2, a3, g2) are in no source that may be bundled, so they are left out.
- Defaults: configs/default.json and configs/azure.json of OpenCost (Apache-2.0).
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import re
import sys
from decimal import Decimal

HERE = pathlib.Path(__file__).parent
GIB = 1024
AZURE_DATE = "2020-08-30"

AWS_FAMILIES = set(
    "t2 t3 t3a t4g m4 m5 m5a m5ad m5d m5dn m5n m6a m6g m6gd m6i m6id m7a m7g m7gd m7i m7i-flex m8g "
    "c4 c5 c5a c5ad c5d c5n c6a c6g c6gd c6gn c6i c6id c6in c7a c7g c7gd c7gn c7i c7i-flex c8g "
    "r4 r5 r5a r5ad r5d r5dn r5n r6a r6g r6gd r6i r6id r7a r7g r7gd r7i r8g i3 i3en i4i".split()
)
# Dollars an hour in us-east-1, as aws/karpenter-provider-aws (Apache-2.0) has them in
# pkg/providers/pricing/zz_generated.pricing_aws.go, generated 2026-01-19.
CHECKED = {
    "c5.large": "0.085", "c5a.xlarge": "0.154", "c5d.2xlarge": "0.384", "c5n.xlarge": "0.216", "c6a.2xlarge": "0.306",
    "c6g.xlarge": "0.136", "c6gd.xlarge": "0.1536", "c6i.4xlarge": "0.68", "c6id.xlarge": "0.2016",
    "c7a.xlarge": "0.20528", "c7g.xlarge": "0.145", "c7i.xlarge": "0.1785", "c8g.xlarge": "0.15952",
    "i3.xlarge": "0.312", "i3en.xlarge": "0.452", "m4.xlarge": "0.2", "m5.xlarge": "0.192", "m5.2xlarge": "0.384",
    "m5a.xlarge": "0.172", "m5d.xlarge": "0.226", "m5n.xlarge": "0.238", "m6a.xlarge": "0.1728", "m6g.xlarge": "0.154",
}
# Dollars an hour in us-east-1 and accelerators of a machine, from the same file, by groups whose ratios are the same in each
# region. A metal size has as many as the largest of its family.
AWS_GPUS = {
    "g2": {"g2.2xlarge": ("0.65", 1), "g2.8xlarge": ("2.6", 4)},
    "g3": {"g3s.xlarge": ("0.75", 1), "g3.4xlarge": ("1.14", 1), "g3.8xlarge": ("2.28", 2), "g3.16xlarge": ("4.56", 4)},
    "g4ad": {
        "g4ad.xlarge": ("0.37853", 1), "g4ad.2xlarge": ("0.54117", 1), "g4ad.4xlarge": ("0.867", 1),
        "g4ad.8xlarge": ("1.734", 2), "g4ad.16xlarge": ("3.468", 4),
    },
    "g4dn": {
        "g4dn.xlarge": ("0.526", 1), "g4dn.2xlarge": ("0.752", 1), "g4dn.4xlarge": ("1.204", 1),
        "g4dn.8xlarge": ("2.176", 1), "g4dn.12xlarge": ("3.912", 4), "g4dn.16xlarge": ("4.352", 1),
        "g4dn.metal": ("7.824", 8),
    },
    "g5": {
        "g5.xlarge": ("1.006", 1), "g5.2xlarge": ("1.212", 1), "g5.4xlarge": ("1.624", 1), "g5.8xlarge": ("2.448", 1),
        "g5.12xlarge": ("5.672", 4), "g5.16xlarge": ("4.096", 1), "g5.24xlarge": ("8.144", 4), "g5.48xlarge": ("16.288", 8),
    },
    "g5g": {
        "g5g.xlarge": ("0.42", 1), "g5g.2xlarge": ("0.556", 1), "g5g.4xlarge": ("0.828", 1), "g5g.8xlarge": ("1.372", 1),
        "g5g.16xlarge": ("2.744", 2), "g5g.metal": ("2.744", 2),
    },
    "g6": {
        "g6.xlarge": ("0.8048", 1), "g6.2xlarge": ("0.9776", 1), "g6.4xlarge": ("1.3232", 1), "g6.8xlarge": ("2.0144", 1),
        "g6.12xlarge": ("4.6016", 4), "g6.16xlarge": ("3.3968", 1), "g6.24xlarge": ("6.6752", 4),
        "g6.48xlarge": ("13.3504", 8), "gr6.4xlarge": ("1.5392", 1), "gr6.8xlarge": ("2.4464", 1),
    },
    "g6e": {
        "g6e.xlarge": ("1.861", 1), "g6e.2xlarge": ("2.24208", 1), "g6e.4xlarge": ("3.00424", 1),
        "g6e.8xlarge": ("4.52856", 1), "g6e.12xlarge": ("10.49264", 4), "g6e.16xlarge": ("7.57719", 1),
        "g6e.24xlarge": ("15.06559", 4), "g6e.48xlarge": ("30.13118", 8),
    },
    "p2": {"p2.xlarge": ("0.9", 1), "p2.8xlarge": ("7.2", 8), "p2.16xlarge": ("14.4", 16)},
    "p3": {
        "p3.2xlarge": ("3.06", 1), "p3.8xlarge": ("12.24", 4), "p3.16xlarge": ("24.48", 8), "p3dn.24xlarge": ("31.212", 8),
    },
}
AWS_GPUS_LATER = {
    "p4d.24xlarge": ("21.957642", 8), "p4de.24xlarge": ("27.44705", 8), "p5.4xlarge": ("6.88", 1),
    "p5.48xlarge": ("55.04", 8), "p5en.48xlarge": ("63.296", 8),
}
AWS_GPUS_DATE = "2026-01-19"
# https://learn.microsoft.com/azure/virtual-machines/sizes/overview; sizes with a part of a GPU are left out.
AZURE_GPUS = {
    "standardnc6": 1, "standardnc12": 2, "standardnc24": 4, "standardnc24r": 4,
    "standardnc6sv2": 1, "standardnc12sv2": 2, "standardnc24sv2": 4, "standardnc24rsv2": 4,
    "standardnc6sv3": 1, "standardnc12sv3": 2, "standardnc24sv3": 4, "standardnc24rsv3": 4,
    "standardnc4ast4v3": 1, "standardnc8ast4v3": 1, "standardnc16ast4v3": 1, "standardnc64ast4v3": 4,
    "standardnd6s": 1, "standardnd12s": 2, "standardnd24s": 4, "standardnd24rs": 4, "standardnd40rsv2": 8,
    "standardnv6": 1, "standardnv12": 2, "standardnv24": 4,
    "standardnv12sv3": 1, "standardnv24sv3": 2, "standardnv48sv3": 4, "standardnv32asv4": 1,
}
# Prices of small sizes have few digits, and memory of c5n is not quite proportional; dedicated tenancy is 6 % dearer.
SAME = Decimal("0.02")
AZURE_SIZE = re.compile(r"^standard(?:[bdef])(\d+)(?:[a-z]*)(v\d)?$")
AZURE_REGULAR = re.compile(r"^standard(?:b\d+[a-z]*|[de]\d+[a-z]*v[345]|f\d+sv2)$")
# Machines of these families are one price a core and one a GiB; those with shared cores (e2-micro, f1, g1) are not.
GCP_FAMILIES = {
    "c2": "c2", "e2": "e2", "n1": "n1", "n1_custom": "n1-custom", "n2": "n2", "n2_custom": "n2-custom", "n2d": "n2d",
    "n2d_custom": "n2d-custom", "m1": "m1",
}


def decimal(value):
    """The number as the source writes it."""
    return format(Decimal(repr(value)).normalize(), "f")


def aws_rows(compute, sizes):
    units = {}
    for kind, regions in compute["ec2_linux"].items():
        family, _, size = kind.partition(".")
        ram = sizes.get(kind, {}).get("ram", 0)
        if family not in AWS_FAMILIES or not ram or "metal" in size:
            continue
        for region, price in regions.items():
            if price > 0 and region.count("-") == 2:
                units.setdefault((region, family), []).append((Decimal(repr(price)) * GIB / ram, kind, price))
    for (region, _), offers in sorted(units.items()):
        lowest = min(unit for unit, _, _ in offers)
        agreeing = [offer for offer in offers if offer[0] <= lowest * (1 + SAME)]
        if len(agreeing) < 2:
            continue
        for _, kind, price in sorted(agreeing, key=lambda offer: (sizes[offer[1]]["ram"], offer[1])):
            gib = Decimal(sizes[kind]["ram"]) / GIB
            yield region, kind, decimal(price), sizes[kind]["extra"]["vcpu"], decimal(float(gib)), "ondemand"


def azure_rows(compute):
    for kind, regions in compute["azure_linux"].items():
        match = AZURE_SIZE.match(kind)
        if not match or not AZURE_REGULAR.match(kind):
            continue
        for region, price in regions.items():
            if price > 0:
                yield region, kind, decimal(price), match.group(1), "", "ondemand"


def aws_gpu_rows(compute, date):
    for sizes in AWS_GPUS.values():
        ratios = {}
        for kind, (reference, _) in sizes.items():
            for region, price in compute["ec2_linux"].get(kind, {}).items():
                if price > 0 and region.count("-") == 2:
                    ratios.setdefault(region, []).append((Decimal(repr(price)) / Decimal(reference), kind, price))
        for region, offers in ratios.items():
            lowest = min(ratio for ratio, _, _ in offers)
            agreeing = [offer for offer in offers if offer[0] <= lowest * (1 + SAME)]
            if region == "us-east-1" and abs(lowest - 1) > SAME:
                sys.exit(f"the two sources do not agree on {list(sizes)} of us-east-1: {offers}")
            if len(agreeing) < 2 or region == "us-east-1":
                continue
            for _, kind, price in agreeing:
                yield "aws", region, kind, decimal(price), str(sizes[kind][1]), date
    for sizes in [*AWS_GPUS.values(), AWS_GPUS_LATER]:
        for kind, (price, gpus) in sizes.items():
            yield "aws", "us-east-1", kind, price, str(gpus), AWS_GPUS_DATE


def azure_gpu_rows(compute):
    for kind, gpus in AZURE_GPUS.items():
        for region, price in compute["azure_linux"].get(kind, {}).items():
            if price > 0:
                yield "azure", region, kind, decimal(price), str(gpus), AZURE_DATE


def gcp_rows(compute):
    for key, family in GCP_FAMILIES.items():
        cpu, ram = compute["gce_instances"][key]["cpu"], compute["gce_instances"][key]["ram"]
        for source, basis in [("on_demand", "ondemand"), ("preemptible", "spot")]:
            for region in sorted(set(cpu[source]) & set(ram[source])):
                core, gib = cpu[source][region]["price"], ram[source][region]["price"]
                if core > 0 and gib > 0:
                    yield region, family, decimal(core), decimal(gib), basis


# Provider, usdPerCoreHour, usdPerGibHour, basis, date, source.
DEFAULTS = [
    (provider, core, gib, basis, date, source)
    for provider, date, source, ondemand, spot in [
        ("aws", "2024-10-24", "OpenCost configs/aws.json (GCP us-central1 list)",
         ("0.031611", "0.004237"), ("0.006655", "0.000892")),
        ("gcp", "2024-10-24", "OpenCost configs/gcp.json (GCP us-central1 list)",
         ("0.031611", "0.004237"), ("0.006655", "0.000892")),
        ("azure", "2019-04-01", "OpenCost configs/azure.json (list of April 2019)",
         ("0.03900", "0.001917"), ("0.007764", "0.000382")),
        ("onprem", "2024-10-24", "OpenCost configs/default.json (GCP us-central1 list in the place of your own)",
         ("0.031611", "0.004237"), None),
    ]
    for basis, (core, gib) in [("ondemand", ondemand)] + ([("spot", spot)] if spot else [])
]

MACHINES = "region,instanceType,usdPerHour,vcpu,gib,basis"
GPUS = "provider,region,instanceType,usdPerHour,gpus,date"
UNITS = "region,family,usdPerCoreHour,usdPerGibHour,basis"


def text(header, rows):
    return "\n".join([header] + [",".join(row) for row in sorted(set(rows))]) + "\n"


def check_sample(rows, sizes):
    """Each family of the sample costs as much per GiB in us-east-1 as the second source says."""
    units = {}
    for region, kind, price, _, gib, _ in rows:
        if region == "us-east-1":
            units.setdefault(kind.partition(".")[0], []).append(Decimal(price) / Decimal(gib))
    wrong, compared = {}, 0
    for kind, price in CHECKED.items():
        unit = Decimal(price) * GIB / sizes[kind]["ram"]
        found = units.get(kind.partition(".")[0], [])
        compared += bool(found)
        if any(abs(one - unit) > unit * SAME for one in found):
            wrong[kind] = (price, [str(one) for one in found])
    if wrong or compared < 20:
        sys.exit(f"the sample of us-east-1 does not agree: {wrong}, {compared} families compared")
    return compared


def make():
    import libcloud
    from libcloud.compute.constants.ec2_instance_types import INSTANCE_TYPES

    data = json.loads((pathlib.Path(libcloud.__file__).parent / "data" / "pricing.json").read_text())
    compute, version = data["compute"], libcloud.__version__
    aws_date = datetime.datetime.fromtimestamp(data["updated"], datetime.timezone.utc).date().isoformat()
    aws = list(aws_rows(compute, INSTANCE_TYPES))
    compared = check_sample(aws, INSTANCE_TYPES)
    package = f"PyPI apache-libcloud {version} (Apache-2.0), data/pricing.json"
    sheets = [
        ("aws", "machines", "aws.csv", text(MACHINES, aws), aws_date,
         f"{package}, compute.ec2_linux; {compared} families compared with karpenter-provider-aws"),
        ("azure", "machines", "azure.csv", text(MACHINES, azure_rows(compute)), AZURE_DATE,
         f"{package}, compute.azure_linux, unchanged since release 3.3.0 of that date"),
        ("gcp", "units", "gcp.csv", text(UNITS, gcp_rows(compute)), "2020-08-30",
         f"{package}, compute.gce_instances, unchanged since release 3.3.0 of that date"),
        ("all", "gpus", "gpus.csv", text(GPUS, [*aws_gpu_rows(compute, aws_date), *azure_gpu_rows(compute)]), aws_date,
         f"{package}, compute.ec2_linux and compute.azure_linux; us-east-1, and ratios of sizes, "
         f"from karpenter-provider-aws (Apache-2.0) of {AWS_GPUS_DATE}"),
        ("all", "defaults", "defaults.csv",
         text("provider,usdPerCoreHour,usdPerGibHour,basis,date,source", DEFAULTS), "2024-10-24",
         "OpenCost (Apache-2.0), configs/*.json"),
    ]
    files = {name: body for _, _, name, body, _, _ in sheets}
    manifest = {
        "schema": "kubeopt.dev/prices/v1",
        "currency": "USD",
        "generator": "controller/cost/prices/make_sheets.py",
        "sheets": [
            {"provider": provider, "kind": kind, "file": name, "date": date, "rows": body.count("\n") - 1,
             "sha256": hashlib.sha256(body.encode()).hexdigest(), "source": source}
            for provider, kind, name, body, date, source in sheets
        ],
    }
    files["manifest.json"] = json.dumps(manifest, indent=2) + "\n"
    return files


def main():
    parser = argparse.ArgumentParser(description="Makes the bundled price sheets.")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    different = []
    for name, body in make().items():
        path = HERE / name
        if check and (not path.exists() or path.read_text() != body):
            different.append(name)
        elif not check:
            path.write_text(body)
    if different:
        sys.exit(f"differ from their source: {different}")


if __name__ == "__main__":
    main()
