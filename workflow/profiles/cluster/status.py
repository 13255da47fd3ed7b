#!/usr/bin/env python3
"""Say whether a job of qsub is running, has been a success or has failed, also if the scheduler has killed it."""

import re
import subprocess
import sys
import time

for attempt in range(3):  # a server that is busy answers a little later
    answer = subprocess.run(["qstat", "-x", "-f", sys.argv[1]], capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        break
    time.sleep(2 * attempt)
else:
    print("failed")  # nothing is known of it any more
    sys.exit()
found = dict(re.findall(r"^\s*(job_state|Exit_status) = (\S+)", answer.stdout, re.MULTILINE))
if found.get("job_state") not in ("F", "X"):
    print("running")
else:
    print("success" if found.get("Exit_status") == "0" else "failed")
