package httpmp4

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// meter pays for the making of one head: a media.Meter. Its methods are called by the
// goroutine that makes it.
type meter struct {
	ctx  context.Context // ends when it takes too long
	turn *budget.Turn    // it has none while it waits for a disk
	pay  disk.Pay
	most int64 // bytes; 0: no bound
	paid int64
}

func (m *meter) scan(file *flv.File, r io.ReaderAt) (*head, error) {
	m.turn.Begin(m.ctx.Done())
	defer m.turn.End()
	return scan(file, turned{r, m}, m)
}

// Spend implements media.Meter.
func (m *meter) Spend(n int64) error {
	m.paid += n
	switch {
	case m.most > 0 && m.paid > m.most:
		return outlet.Refuse(http.StatusUnprocessableEntity, fmt.Sprintf("the recording is too long to be one MP4 file: its tables would take more than %d bytes. It plays by HLS, and as FLV at the same path with .flv", m.most))
	case !m.pay(n):
		return outlet.Refuse(http.StatusServiceUnavailable, "the server has no memory left for the tables of the recording: try again later, or play it by HLS or as FLV")
	}
	return nil
}

// Pause implements media.Meter.
func (m *meter) Pause() error {
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	m.turn.Rest(m.ctx.Done())
	return nil
}

// turned is a file that is read without a turn.
type turned struct {
	r io.ReaderAt
	m *meter
}

// ReadAt implements io.ReaderAt.
func (t turned) ReadAt(p []byte, at int64) (int, error) {
	if t.m.ctx.Err() != nil {
		return 0, context.Cause(t.m.ctx)
	}
	t.m.turn.End()
	defer t.m.turn.Begin(t.m.ctx.Done())
	return t.r.ReadAt(p, at)
}
