package httpflv

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// extension is what the paths of FLV end with.
const extension = ".flv"

// Match says whether a path is one of FLV's, and cuts it into the name of a stream.
func Match(urlPath string) (name string, ok bool) {
	name, ok = strings.CutSuffix(strings.Trim(urlPath, "/"), extension)
	return name, ok && name != "" && !strings.HasSuffix(name, "/")
}

// query is what a request asks for behind its path.
type query struct {
	takes tracks.Takes
	// start is where to begin in what is recorded; begins says that it is asked for.
	start  time.Duration
	begins bool
}

// parseQuery reads ?start= and ?track=. What else there is, is for others. It fails
// with an *outlet.Refusal.
func parseQuery(values url.Values) (q query, err error) {
	// What has a form in Adobe's time comes in that, and one track of a kind: players
	// of FLV by HTTP announce nothing.
	q.takes = tracks.Oldest()
	if values.Has("track") {
		n, err := strconv.ParseUint(values.Get("track"), 10, 8)
		if err != nil {
			return q, outlet.Refuse(http.StatusBadRequest, "track is a number from 0 to 255")
		}
		q.takes.Asked, q.takes.Track = true, uint8(n)
	}
	if values.Has("start") {
		s, err := strconv.ParseFloat(values.Get("start"), 64)
		if err != nil || !(s >= 0 && s <= maxStart.Seconds()) {
			return q, outlet.Refuse(http.StatusBadRequest, "start is a time in seconds, such as 12.5")
		}
		q.start, q.begins = time.Duration(s*float64(time.Second)), true
	}
	return q, nil
}

// maxStart is the latest time that a file's timestamps say.
const maxStart = (1<<32 - 1) * time.Millisecond
