package stream

import "time"

const (
	// A player that has not taken for so long what there was, and is behind by as
	// much time, goes on at a newer keyframe.
	maxLag = 5 * time.Second
	// So does one that is behind by so many bytes, and has been for a moment: a
	// burst takes its time on the way to the fastest reader.
	maxLagBytes = 8 << 20
	burstTime   = time.Second
	// Further behind is nobody let, whoever it is that keeps the log growing. There
	// may be many branches, and each has a log: of that it is so much beside the
	// player's next packet, which may be larger by itself.
	maxHeldBytes   = 32 << 20
	maxBranchBytes = 8 << 20
	// How often it is told.
	tellSlowEvery = 10 * time.Second
)

// fellBehind notes that the socket took less than there was to send.
func (a *attachedConn) fellBehind(now time.Time) {
	if !a.lags {
		a.lags, a.lagging = true, now
	}
}

// caughtUp notes that it has taken all.
func (a *attachedConn) caughtUp() {
	if a.lags {
		a.lags = false
		a.nothingWaits()
	}
}

// slow says whether the connection's socket does not take what it is given, so
// that something of so many bytes, the first of which came then, is left out.
// held is how many are never held for it. Both are measured on our side: a publisher that is faster than its timestamps,
// or a loop that has too much to do, is no fault of a player's.
func (a *attachedConn) slow(now time.Time, behind, held int64, came time.Time) bool {
	switch {
	case behind > held:
		return true
	case !a.lags:
		return false
	case behind >= maxLagBytes:
		return now.Sub(a.lagging) >= burstTime
	}
	return now.Sub(a.lagging) >= maxLag && now.Sub(came) >= maxLag
}
