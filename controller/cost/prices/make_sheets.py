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
        ("azure", "machines", "azure.csv", text(MACHINES, azure_rows(compute)), "2020-08-30",
         f"{package}, compute.azure_linux, unchanged since release 3.3.0 of that date"),
        ("gcp", "units", "gcp.csv", text(UNITS, gcp_rows(compute)), "2020-08-30",
         f"{package}, compute.gce_instances, unchanged since release 3.3.0 of that date"),
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
