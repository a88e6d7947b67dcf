package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/pieces"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// indexMemory is how much is kept of what is known of files, where nothing bounds it, and
	// keepIndex for how long when nobody asks.
	indexMemory = 64 << 20
	keepIndex   = 10 * time.Minute
	// indexBase is about what is taken by what is known of a file beside its index.
	indexBase = 1 << 10
)

// newIndexes is where it is kept what is known of files.
func newIndexes(cfg *Config) *disk.Cache {
	b := cfg.Budgets.Indexes
	most := int64(indexMemory)
	if b != nil {
		most = b.Max() / 2 // what is used comes first
	}
	return disk.NewCache(b, most, keepIndex)
}

// Bytes are those of a recorded file of the origin's: a media.LaterReader.
type Bytes struct {
	*pieces.File
	key string
}

// Known is what the origin knows the file by in its instance, and how many bytes it has as
// far as it was opened.
func (b Bytes) Known() (key string, size int64) { return b.key, b.Size() }

// file opens a recorded file of the origin's, beside the pipe, and answers.
func (c *remote) file(r session.PlayRequest, a *link.PlayAnswer, out session.PlayAnswer, q *question, answer func(session.PlayAnswer)) {
	one := &reading{c: c, asked: r, key: a.File.Key, token: a.Token, q: q}
	q.happens = one.happens
	released := sync.OnceFunc(one.release)
	if one.f = c.u.film(a.File.Key, one, a.Token); one.f == nil {
		released()
		out.Refusal = unreachable(errLost)
		answer(out)
		return
	}
	c.keep(one)
	c.u.e.runs.Go(func() {
		file, err := c.u.open(c.u.e.ctx, a.File, one.f, one, a.Token)
		if err != nil {
			released()
			out.Refusal = unreadable(err)
		} else {
			back := file.Release
			file.Release = func() {
				back()
				released()
			}
			out.File = file
		}
		answer(out)
	})
}

// open opens a recorded file that the origin has given a player a token for, once what is known of
// it is here, or ctx ends.
func (u *uplink) open(ctx context.Context, of *link.FileBody, f *film, player any, token string) (*playback.File, error) {
	scope := u.e.cfg.Origin + "\n" + u.place.application + "/" + u.place.instance
	bytes := Bytes{u.e.pieces.Open(scope+"\n"+of.Key, of.Size, f), of.Key}
	back := func() {
		bytes.Close()
		u.leaveFilm(f, player)
	}
	key := fmt.Sprintf("%s\n%s\n%d", scope, of.Key, of.Size)
	lease, err := u.e.indexes.Get(ctx, scope, key, func(pay disk.Pay) (any, error) {
		return f.look(of, token, bytes, &meter{f.ctx, pay})
	})
	if err != nil {
		back()
		return nil, err
	}
	file, _ := lease.Value.(media.File)
	return &playback.File{
		File: file, Bytes: bytes, OnMetaData: of.OnMetaData, Rate: of.Rate,
		Queue: u.queue, Samples: u.e.cfg.Budgets.Samples,
		Release: func() {
			lease.Release()
			back()
		},
	}, nil
}

// look finds out what a file is: the origin says it, or the file itself.
func (f *film) look(of *link.FileBody, token string, bytes Bytes, m *meter) (media.File, error) {
	if err := m.Spend(indexBase); err != nil {
		return nil, err
	}
	if of.Indexed {
		said, err := f.index(token)
		if err != nil {
			return nil, err
		}
		if len(said) > 0 {
			return flv.ParseIndex(said, m)
		}
	}
	begin := make([]byte, 3)
	if _, err := bytes.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case string(begin) == "FLV":
		return flv.OpenMetered(bytes, bytes.Size(), m)
	case string(begin) == "ID3" || begin[0] == 0xff:
		return mp3.OpenMetered(bytes, bytes.Size(), m)
	}
	return mp4.OpenMetered(bytes, bytes.Size(), m)
}

// meter pays for what is known of a file: a media.Meter.
type meter struct {
	ctx context.Context
	pay disk.Pay
}

var errIndexes = errors.New("no memory is left for the indexes of files, because too many of them are being played")

// Spend implements media.Meter.
func (m *meter) Spend(n int64) error {
	if !m.pay(n) {
		return errIndexes
	}
	return nil
}

// Pause implements media.Meter.
func (m *meter) Pause() error { return context.Cause(m.ctx) }

// unreadable is why a recorded file is not played.
func unreadable(err error) *session.Refusal {
	switch {
	case errors.Is(err, media.ErrInvalid):
		return &session.Refusal{Code: session.RefusedDamaged, Cause: err}
	case errors.Is(err, errIndexes):
		return &session.Refusal{Code: session.RefusedLimit, Reason: "too many recordings are being played: try again later", Cause: err}
	}
	return unreachable(err)
}
