package dialect_test

import (
	"testing"
	"time"
)

// A date as text ends with the zone's name, where it has one, as SpiderMonkey's did.
func TestDatesNameTheirZone(t *testing.T) {
	t.Parallel()
	v := newVM(t)
	for _, at := range []time.Time{time.Unix(0, 0), time.Date(2009, 7, 5, 13, 5, 9, 0, time.Local)} {
		want := at.Format("Mon Jan 02 2006 15:04:05 GMT-0700")
		if name, _ := at.Zone(); name[0] >= 'A' && name[0] <= 'Z' {
			want += " (" + name + ")"
		}
		source := "var d = new Date(" + at.Format("2006, 1") + " - 1, " + at.Format("2, 15, 4, 5") + "); "
		for _, form := range []string{"d.toString()", "'' + d", "d.toDateString() + ' ' + d.toTimeString()"} {
			got, err := run(v.Runtime, "main.asc", source+form)
			if err != nil || got != want {
				t.Errorf("%s gave %q, %v, want %q", form, got, err, want)
			}
		}
	}
	// What a script makes of Date.prototype changes nothing in it.
	got, err := run(v.Runtime, "main.asc", "Date.prototype.getHours = function () { return 99 }; new Date(2009, 0, 1, 7, 0, 0).toLocaleTimeString() + Date.prototype.toString.name")
	if err != nil || got != "07:00:00toString" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := run(v.Runtime, "main.asc", "Date.prototype.toLocaleString.call({})"); err == nil {
		t.Error("what is no date has a text of one")
	}
}
