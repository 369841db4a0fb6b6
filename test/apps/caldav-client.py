"""A calendar program: finds its home, makes a calendar, and writes, reads, changes and deletes an event. Prints what it saw."""
import json
import os
from datetime import datetime, timezone

import caldav

url, user, password, ca = (os.environ[name] for name in ("URL", "USER_NAME", "APP_PASSWORD", "CA"))
at = lambda hour: datetime(2027, 5, 4, hour, tzinfo=timezone.utc)

with caldav.DAVClient(url=url, username=user, password=password, ssl_verify_cert=ca) as client:
    principal = client.principal()
    calendar = principal.make_calendar(name="Rehearsals")
    event = calendar.save_event(dtstart=at(15), dtend=at(17), summary="Tea party")
    found = calendar.search(start=at(0), end=at(23), event=True)
    event.icalendar_component["summary"] = "Mad tea party, für alle"
    event.save()
    renamed = calendar.search(start=at(0), end=at(23), event=True)
    spare = calendar.save_event(dtstart=at(18), dtend=at(19), summary="Spare")
    spare.delete()
    print(json.dumps({
        "principal": str(principal.url),
        "calendars": [c.get_display_name() for c in principal.calendars()],
        "found": [str(e.icalendar_component["summary"]) for e in found],
        "renamed": [str(e.icalendar_component["summary"]) for e in renamed],
        "left": len(calendar.events()),
    }))
