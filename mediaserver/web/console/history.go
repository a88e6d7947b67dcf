package console

import "time"

const (
	historyStep = 10 * time.Second
	historyTime = time.Hour
	maxPoints   = int(historyTime / historyStep)
)

// point is how the server was at a time, on the average since the point before.
type point struct {
	T       int64   `json:"t"` // Unix time in seconds
	Clients int     `json:"clients"`
	Players int     `json:"players"`
	In      int64   `json:"in"`  // bits a second
	Out     int64   `json:"out"` // bits a second
	CPU     float64 `json:"cpu"` // processors
	Memory  int64   `json:"memory"`
}

// history are the points of the last hour, the oldest first.
type history struct {
	Step   int     `json:"step"` // seconds from one point to the next
	Points []point `json:"points"`
}

func newHistory() history { return history{Step: int(historyStep / time.Second), Points: []point{}} }

// add keeps a point in place of the oldest.
func (h *history) add(p point) {
	if len(h.Points) == maxPoints {
		copy(h.Points, h.Points[1:])
		h.Points = h.Points[:maxPoints-1]
	}
	h.Points = append(h.Points, p)
}

// rates are how fast totals have grown in a time. What grows less than nothing has begun
// anew.
func rates(now, before Totals, passed time.Duration) Rates {
	of := func(now, before uint64) int64 {
		if now < before || passed <= 0 {
			return 0
		}
		return int64(float64(now-before) * 8 / passed.Seconds())
	}
	return Rates{of(now.In, before.In), of(now.Out, before.Out)}
}

// busy is how many processors something has had in a time, to a thousandth.
func busy(now, before, passed time.Duration) float64 {
	if passed <= 0 || now < before {
		return 0
	}
	return float64((now-before)*1000/passed) / 1000
}
