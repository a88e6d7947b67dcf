package values

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

type addMethod func(name string, length int, f func(b *byteArray, c *engine.Call) (engine.Value, error))

// bytesMethods are those on bytes as they are.
func (s *byteArrays) bytesMethods(add addMethod) {
	add("clear", 0, func(b *byteArray, _ *engine.Call) (engine.Value, error) {
		b.clear()
		return engine.Undefined, nil
	})
	add("readBytes", 3, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		to, offset, n, err := s.range3(c, max(0, len(b.b)-b.position))
		if err != nil {
			return engine.Undefined, err
		}
		from, err := b.take(n)
		if err != nil {
			return engine.Undefined, err
		}
		if to == b { // it may grow, and move
			from = bytes.Clone(from)
		}
		if end := offset + len(from); end > len(to.b) {
			if err := to.resize(end); err != nil {
				return engine.Undefined, err
			}
		}
		copy(to.b[offset:], from)
		return engine.Undefined, nil
	})
	add("writeBytes", 3, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		from, offset, n, err := s.range3(c, -1)
		if err != nil {
			return engine.Undefined, err
		}
		offset = min(offset, len(from.b))
		if n < 0 {
			n = len(from.b) - offset
		}
		if n > len(from.b)-offset {
			return engine.Undefined, engine.RangeError("%d bytes are wanted at %d, of %d", n, offset, len(from.b))
		}
		data := from.b[offset : offset+n]
		if from == b {
			data = bytes.Clone(data)
		}
		return engine.Undefined, b.write(data)
	})
	for name, how := range map[string]string{"compress": "", "deflate": "deflate"} {
		add(name, 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
			return engine.Undefined, b.compress(how == "deflate" || c.Arg(0).Text() == "deflate")
		})
	}
	for name, how := range map[string]string{"uncompress": "", "inflate": "deflate"} {
		add(name, 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
			return engine.Undefined, b.uncompress(how == "deflate" || c.Arg(0).Text() == "deflate")
		})
	}
}

// range3 is the arguments of readBytes and writeBytes: an array, where in it, and how
// many bytes; all is what not to say so, or 0, means.
func (s *byteArrays) range3(c *engine.Call, all int) (other *byteArray, offset, n int, err error) {
	if other, err = s.other(c, 0); err != nil {
		return nil, 0, 0, err
	}
	if offset, err = s.v.count(c, 1, 0); err != nil {
		return nil, 0, 0, err
	}
	if offset > s.limit {
		return nil, 0, 0, s.full(offset)
	}
	if n, err = s.v.count(c, 2, 0); n == 0 {
		n = all
	}
	return other, offset, n, err
}

func (b *byteArray) write(data []byte) error {
	to, err := b.room(len(data))
	if err == nil {
		copy(to, data)
	}
	return err
}

// become replaces all that the array holds.
func (b *byteArray) become(data []byte) error {
	if err := b.resize(len(data)); err != nil {
		return err
	}
	copy(b.b, data)
	b.position = len(data)
	return nil
}

// compress writes the array as zlib does, or only its deflated part, as fast as can be:
// nobody can stop it.
func (b *byteArray) compress(bare bool) error {
	var out bytes.Buffer
	var w io.WriteCloser
	if bare {
		w, _ = flate.NewWriter(&out, flate.BestSpeed) // the level is one
	} else {
		w, _ = zlib.NewWriterLevel(&out, zlib.BestSpeed)
	}
	if _, err := w.Write(b.b); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return b.become(out.Bytes())
}

// uncompress is the other way. What would be larger than there is room for is refused
// before it is held.
func (b *byteArray) uncompress(bare bool) error {
	var r io.ReadCloser
	var err error
	if bare {
		r = flate.NewReader(bytes.NewReader(b.b))
	} else if r, err = zlib.NewReader(bytes.NewReader(b.b)); err != nil {
		return fmt.Errorf("ByteArray.uncompress: %w", err)
	}
	room := b.of.limit - b.of.used + cap(b.b)
	out, err := io.ReadAll(io.LimitReader(r, int64(room)+1))
	switch {
	case err != nil:
		return fmt.Errorf("ByteArray.uncompress: %w", err)
	case len(out) > room:
		return b.of.full(len(out))
	}
	if err := b.become(out); err != nil {
		return err
	}
	b.position = 0
	return nil
}

// objectMethods read and write any value.
func (s *byteArrays) objectMethods(add addMethod) {
	add("writeObject", 1, func(b *byteArray, c *engine.Call) (engine.Value, error) {
		a, err := s.v.Out(c.Arg(0))
		if err != nil {
			return engine.Undefined, err
		}
		encode := amf.Append3
		if b.amf0 {
			encode = amf.Append
		}
		data, err := encode(nil, a)
		if err != nil {
			return engine.Undefined, err
		}
		return engine.Undefined, b.write(data)
	})
	add("readObject", 0, func(b *byteArray, _ *engine.Call) (engine.Value, error) {
		if b.position >= len(b.b) {
			return engine.Undefined, errEnd
		}
		decode := amf.Decode3
		if b.amf0 {
			decode = amf.Decode
		}
		a, rest, err := decode(b.b[b.position:])
		if errors.Is(err, amf.ErrTruncated) {
			return engine.Undefined, errEnd
		}
		if err != nil {
			return engine.Undefined, err
		}
		b.position = len(b.b) - len(rest)
		return s.v.In(a)
	})
}
