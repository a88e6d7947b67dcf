package edge

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/session"
)

// pieceSize is how much of a file is asked for at once, and maxPieces how many pieces of
// one a player keeps.
const (
	pieceSize = 256 << 10
	maxPieces = 16
)

// file opens a recorded file of the origin's, beside the pipe, and answers.
func (c *remote) file(a *link.PlayAnswer, out session.PlayAnswer, released func(), answer func(session.PlayAnswer)) {
	c.u.e.runs.Go(func() {
		conn, err := c.u.e.dial(link.Read, a.Token)
		var f media.File
		r := &reader{conn: conn, size: a.File.Size, pieces: map[int64][]byte{}}
		if err == nil {
			f, err = open(r)
		}
		if err != nil {
			if conn != nil {
				conn.Close()
			}
			released()
			out.Refusal = unreachable(err)
			answer(out)
			return
		}
		out.File = &playback.File{File: f, Bytes: r, OnMetaData: a.File.OnMetaData, Rate: a.File.Rate, Release: func() {
			conn.Close()
			released()
		}}
		answer(out)
	})
}

// open finds out what a file is.
func open(r *reader) (media.File, error) {
	begin := make([]byte, 3)
	if _, err := r.ReadAt(begin, 0); err != nil {
		return nil, err
	}
	switch {
	case string(begin) == "FLV":
		return flv.Open(r, r.size)
	case string(begin) == "ID3" || begin[0] == 0xff:
		return mp3.Open(r, r.size)
	}
	return mp4.Open(r, r.size)
}

// reader reads a file of the origin's, piece by piece, and keeps the last of them.
type reader struct {
	conn *link.Conn
	size int64

	mu     sync.Mutex // held while the origin is asked
	pieces map[int64][]byte
	order  []int64 // as they came
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(b []byte, at int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(b) {
		p, err := r.piece((at + int64(n)) / pieceSize)
		if err != nil {
			return n, err
		}
		in := (at + int64(n)) % pieceSize
		if in >= int64(len(p)) {
			return n, io.EOF
		}
		n += copy(b[n:], p[in:])
	}
	return n, nil
}

// piece is a piece of the file. The caller holds mu.
func (r *reader) piece(n int64) ([]byte, error) {
	if p, ok := r.pieces[n]; ok {
		return p, nil
	}
	var ask [12]byte
	binary.BigEndian.PutUint64(ask[:], uint64(n*pieceSize))
	binary.BigEndian.PutUint32(ask[8:], pieceSize)
	err := r.conn.WriteFrame(link.KindAsk, ask[:])
	if err == nil {
		err = r.conn.Flush()
	}
	if err != nil {
		return nil, err
	}
	kind, p, err := r.conn.ReadFrame()
	if err != nil || kind != link.KindPiece {
		return nil, errors.Join(errLost, err)
	}
	if len(r.order) == maxPieces {
		delete(r.pieces, r.order[0])
		r.order = r.order[1:]
	}
	r.pieces[n] = p
	r.order = append(r.order, n)
	return p, nil
}
