package edge

import (
	"testing"
	"time"
)

// Who has just come, or is looked at, is told of each second, and everybody now and then.
func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		came, looked, told time.Duration // ago
		due                bool
	}{
		"has just come":        {time.Second, time.Hour, time.Second, true},
		"only watches":         {time.Minute, time.Hour, time.Second, false},
		"watches since long":   {time.Hour, time.Hour, 29 * time.Second, false},
		"was not told of":      {time.Hour, time.Hour, 30 * time.Second, true},
		"is looked at":         {time.Hour, time.Minute, time.Second, true},
		"was looked at before": {time.Hour, 66 * time.Second, time.Second, false},
	} {
		r := &remote{since: now.Add(-c.came)}
		r.looked.Store(now.Add(-c.looked).UnixNano())
		if is := (told{at: now.Add(-c.told)}).due(r, now); is != c.due {
			t.Errorf("who %s: %v", name, is)
		}
	}
}
