package stream

import (
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// line is a log, and what players that come need to begin with it: that of all
// that is published, or a branch of it. Its fields but key and log are guarded by
// Stream.mu.
type line struct {
	log      log
	key      atomic.Pointer[keyframe] // newest keyframe of this publication; nil: none yet
	hasVideo bool
	hasAudio bool
	pictures payload.Pictures
	headers  headers
}
