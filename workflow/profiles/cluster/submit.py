#!/usr/bin/env python3
"""Hand a job of Snakemake to qsub: what it needs stands as JSON in the second line of its script.

QSUB_OPTIONS, if set, are further options of every job, such as "-q long -P project".
"""

import json
import os
import re
import shlex
import subprocess
import sys

script = sys.argv[1]
with open(script, encoding="utf-8") as file:
    job = json.loads(next(line for line in file if line.startswith("# properties = ")).removeprefix("# properties = "))
needs = job["resources"]
chunk = f"select=1:ncpus={job['threads']}:mem={needs['mem_mb']}mb"
if needs.get("gpu"):
    chunk += f":ngpus={needs['gpu']}"
seconds = 60 * int(needs["runtime"])
walltime = f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:00"
# A name of letters and digits that says which rule it is.
name = re.sub(r"\W", "_", f"enn_{job.get('rule') or job.get('groupid') or 'job'}")
os.makedirs(".snakemake/qsub", exist_ok=True)
command = ["qsub", "-N", name, "-l", chunk, "-l", f"walltime={walltime}", "-V", "-j", "oe", "-o", ".snakemake/qsub/"]
command += [*shlex.split(os.environ.get("QSUB_OPTIONS", "")), script]
done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
print(done.stdout.strip())  # the number of the job
sys.exit(done.returncode)
