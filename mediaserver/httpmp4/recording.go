package httpmp4

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"

	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// version is a part of all entity tags: it changes with the bytes that are made of a
// file.
const version = 1

// serveRecording answers with a recording.
func (h *Handler) serveRecording(w http.ResponseWriter, r *http.Request, rec *outlet.Recording) error {
	switch file := rec.File.(type) {
	case *mp4.File:
		h.send(w, r, rec, &head{to: rec.Size, video: true}, false)
		return nil
	case *flv.File:
		return h.serveFLV(w, r, rec, file)
	}
	return fmt.Errorf("%w: the recording is neither FLV nor MP4; it plays as FLV, at the same path with .flv, and by HLS", errNothing)
}

func (h *Handler) serveFLV(w http.ResponseWriter, r *http.Request, rec *outlet.Recording, file *flv.File) error {
	grows := false
	err := h.places.Do(r.Context(), rec.Of, func() error {
		grows = flv.Unfinished(rec.Reader, rec.Size)
		return nil
	})
	if err != nil {
		return err
	}
	key := rec.Key
	if grows { // it is looked through once in a while, however often it is asked for
		key = fmt.Sprintf("%s %s until %d", rec.Of, r.URL.Path, h.now().Unix()/int64(freshFor.Seconds()))
	}
	made, err := h.head(r, rec, file, key)
	if err == nil && grows && !h.is(r, rec, made) {
		made.Release()
		made, err = h.head(r, rec, file, rec.Key)
	}
	if err != nil {
		return err
	}
	defer made.Release()
	h.send(w, r, rec, made.Value.(*head), grows)
	return nil
}

// head is a *head of a file, made or kept under a key.
func (h *Handler) head(r *http.Request, rec *outlet.Recording, file *flv.File, key string) (*disk.Lease, error) {
	const late = "the recording is being looked through, which has not come to an end in time: ask again"
	ctx, stop := context.WithTimeoutCause(r.Context(), waitTime, outlet.Refuse(http.StatusServiceUnavailable, late))
	defer stop()
	return h.cache.Get(ctx, rec.Of, key, func(pay disk.Pay) (any, error) {
		// Who waits for it may have it though the first one who has asked goes.
		ctx, stop := context.WithTimeoutCause(h.ctx, makeTime, outlet.Refuse(http.StatusServiceUnavailable, late))
		defer stop()
		m := &meter{ctx: ctx, turn: h.opts.Turns.For(r.RemoteAddr), pay: pay, most: h.most()}
		return m.scan(file, rec.Reader)
	})
}

// is says whether a head is of a file, and not of another that had its name.
func (h *Handler) is(r *http.Request, rec *outlet.Recording, made *disk.Lease) (is bool) {
	err := h.places.Do(r.Context(), rec.Of, func() error {
		is = made.Value.(*head).isOf(rec.Reader)
		return nil
	})
	return is && err == nil
}

// most is how many bytes the head of one file may take; 0: there is no bound.
func (h *Handler) most() int64 {
	if h.opts.Heads == nil {
		return 0
	}
	return h.opts.Heads.Max() / 4 * 3
}

// send answers with a head and what follows of the file; grows says that it is written
// still.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, rec *outlet.Recording, front *head, grows bool) {
	head := w.Header()
	head.Set("Content-Type", "audio/mp4")
	if front.video {
		head.Set("Content-Type", "video/mp4")
	}
	// nginx would hold back what comes until its buffers are full.
	head.Set("X-Accel-Buffering", "no")
	if front.left != "" {
		head.Set("Flashpod-Left-Out", front.left)
	}
	outlet.Download(w, r)
	all := disk.NewSpan(r.Context(), h.places, rec.Of, front.data, rec.Reader, front.from, front.to)
	if grows {
		head.Set("Cache-Control", "no-store")
		head.Set("Accept-Ranges", "none")
		head.Set("Content-Length", strconv.FormatInt(all.Size(), 10))
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, all) // it has begun, and ends where it is torn
		}
		return
	}
	head.Set("Cache-Control", "no-cache")
	head.Set("ETag", etag(rec.Key))
	http.ServeContent(w, r, "", rec.Modified, all)
}

func etag(key string) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "mp4 %d %s", version, key)
	return fmt.Sprintf(`"%016x"`, h.Sum64())
}
