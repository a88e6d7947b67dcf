package hls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

// firstWait is how long a first viewer waits for a keyframe and what comes up to the
// next one.
const firstWait = 20 * time.Second

// partWait is how long a player waits for a part that a playlist has hinted at.
const partWait = 18 * time.Second

// wait is live.await, where there is room for one more that waits, for so long. what
// is said where the time is over.
func (h *Handler) wait(r *http.Request, l *live, most time.Duration, what string, is func() bool) error {
	over := outlet.Refuse(http.StatusServiceUnavailable, what)
	now, cancel := context.WithCancelCause(r.Context())
	cancel(over)
	err := l.await(now, is) // most are there
	if err == nil || !errors.Is(err, over) {
		return err
	}
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	if !h.waiting.Take(1) {
		return outlet.Refuse(http.StatusServiceUnavailable, "too many requests wait for segments: try again later")
	}
	defer h.waiting.Give(1)
	ctx, stop := context.WithTimeoutCause(r.Context(), most, over)
	defer stop()
	return l.await(ctx, is)
}

func (h *Handler) serveLive(w http.ResponseWriter, r *http.Request, l *live, f file) error {
	const notYet = "the stream has brought no whole segment yet: it needs keyframes, two seconds apart or less as a rule"
	switch {
	case f.index:
		if err := h.wait(r, l, firstWait, notYet, l.ready); err != nil {
			return err
		}
		text, left := l.index(), l.left()
		l.mu.Unlock()
		return sendPlaylist(w, r, text, left)
	case f.playlist:
		return h.serveMedia(w, r, l, f.variant, notYet)
	case f.init != "":
		return h.serveInit(w, r, l, f)
	}
	return h.serveSegment(w, r, l, f)
}

// serveMedia answers with a media playlist, when it has what the request asks it to
// have (RFC 8216bis §6.2.5.2).
func (h *Handler) serveMedia(w http.ResponseWriter, r *http.Request, l *live, id int, notYet string) error {
	msn, part, err := blockUntil(r.URL.Query())
	if err != nil {
		return err
	}
	skips, err := maySkip(r.URL.Query())
	if err != nil {
		return err
	}
	if err := h.wait(r, l, firstWait, notYet, l.ready); err != nil {
		return err
	}
	newest, _ := l.newest(id)
	target := l.target
	l.mu.Unlock()
	if msn >= 0 {
		if msn > newest+1 {
			return outlet.Refuse(http.StatusBadRequest, fmt.Sprintf("_HLS_msn=%d is too far ahead: the newest segment is %d", msn, newest))
		}
		const late = "what the playlist is to have has not come in time"
		is := func() bool { return l.ready() && (l.has(id, msn, part) || l.ended) }
		if err := h.wait(r, l, 3*max(target, time.Second), late, is); err != nil {
			return err
		}
	} else if err := h.waitToBegin(r, l, notYet); err != nil {
		return err
	}
	found := false
	for _, s := range l.segments[l.first:] {
		found = found || s.variants[id] != nil
	}
	text := ""
	if found {
		text = l.media(playlistOf{id, skips})
	}
	left := l.left()
	l.mu.Unlock()
	if !found {
		return errGone
	}
	return sendPlaylist(w, r, text, left)
}

// enough is how many segments a player needs to begin with. Chromium's own ends for good
// with the error of a parser where a live playlist has a single one, and with two as soon
// as it has asked for it again.
const enough = 3

// waitToBegin is wait until there is what a player begins with. Where so many do not come
// in time, or there is no room to wait for them, those that are there must do.
func (h *Handler) waitToBegin(r *http.Request, l *live, notYet string) error {
	few := l.ready
	if !fromScript(r) {
		few = func() bool { return l.ready() && (l.ended || len(l.segments)-l.first >= enough) }
	}
	err := h.wait(r, l, h.beginWait, notYet, few)
	var late *outlet.Refusal
	if errors.As(err, &late) {
		return h.wait(r, l, firstWait, notYet, l.ready)
	}
	return err
}

// fromScript says whether a player that is a script of a page asks, as hls.js is: it plays
// the parts of a single segment, and is to have them at once. A browser says so to what it
// trusts (https, localhost), and never of what its own player asks for.
func fromScript(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Dest") == "empty" }

// blockUntil reads _HLS_msn and _HLS_part; -1 where they are not given.
func blockUntil(q url.Values) (msn int64, part int, err error) {
	msn, part = -1, -1
	if v := q.Get("_HLS_msn"); v != "" {
		if msn, err = strconv.ParseInt(v, 10, 62); err != nil || msn < 0 {
			return 0, 0, outlet.Refuse(http.StatusBadRequest, "_HLS_msn is no number of a segment")
		}
	}
	if v := q.Get("_HLS_part"); v != "" {
		n, err := strconv.ParseInt(v, 10, 31)
		if err != nil || n < 0 || msn < 0 {
			return 0, 0, outlet.Refuse(http.StatusBadRequest, "_HLS_part is no number of a part, or _HLS_msn is missing")
		}
		part = int(n)
	}
	return msn, part, nil
}

// maySkip reads _HLS_skip: whether the player has what is further back than skipUntil.
func maySkip(q url.Values) (bool, error) {
	switch q.Get("_HLS_skip") {
	case "":
		return false, nil
	case "YES", "v2": // v2: date ranges as well, of which there are none
		return true, nil
	}
	return false, outlet.Refuse(http.StatusBadRequest, "_HLS_skip is YES or v2")
}

func (h *Handler) serveInit(w http.ResponseWriter, r *http.Request, l *live, f file) error {
	var n *initSegment
	err := h.wait(r, l, time.Second, errGone.Error(), func() bool {
		for _, s := range append([]*segment{l.open}, l.segments...) {
			if s != nil && s.variants[f.variant] != nil && s.variants[f.variant].init.name == f.init {
				n = s.variants[f.variant].init
			}
		}
		return n != nil || len(l.segments) > 0
	})
	if err != nil {
		return err
	}
	l.mu.Unlock()
	if n == nil {
		return errGone
	}
	return send(w, r, mimeMP4, forever, n.data)
}

// serveSegment answers with a segment, or with a part, which may be the next one.
func (h *Handler) serveSegment(w http.ResponseWriter, r *http.Request, l *live, f file) error {
	var data [][]byte
	gone := false
	is := func() bool {
		newest, parts := l.newest(f.variant)
		s := l.find(f.number)
		hinted := l.open != nil && (f.number == newest && f.part >= 0 && f.part <= parts)
		switch {
		case s != nil && s.variants[f.variant] != nil && (f.part >= 0 && f.part < len(s.variants[f.variant].parts) || f.part < 0 && s != l.open):
			v := s.variants[f.variant]
			if f.part >= 0 {
				data = [][]byte{v.parts[f.part].data}
				return true
			}
			for _, p := range v.parts {
				data = append(data, p.data)
			}
			return true
		case hinted && !l.ended:
			return false
		}
		gone = true
		return true
	}
	if err := h.wait(r, l, partWait, "the part has not come in time", is); err != nil {
		return err
	}
	l.mu.Unlock()
	if gone {
		return errGone
	}
	return send(w, r, mimeMP4, forever, data...)
}
