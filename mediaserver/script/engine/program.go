package engine

import (
	"fmt"
	"sync/atomic"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// A Program is a source of the server's own that many runtimes run, as the engine has it once it has read it: what takes most of the
// time of loading is done once a process. It keeps no text: its functions show none, as the language's own. Any goroutine may use it.
type Program struct {
	source Source
	code   atomic.Pointer[[]byte] // nil until a runtime wants it; whoever wants it first makes it, perhaps two at once
}

// NewProgram says what a program is made of, and reads nothing yet: what is wrong with it, Run says. It must never be what a stranger
// wrote: what is made of it is believed.
func NewProgram(s Source) *Program { return &Program{source: s} }

// Run runs a program, and returns the value of its last statement, as Load does with a source.
func (r *Runtime) Run(p *Program) (got Value, err error) {
	code := p.code.Load()
	if code == nil {
		made, err := compile(p.source)
		if err != nil {
			return Undefined, fmt.Errorf("read the server's own %s: %w", p.source.Name, err)
		}
		code = &made
		p.code.Store(code)
	}
	err = r.run(func() error {
		size := uint64(len(*code))
		from := lib.Xjs_malloc(r.tls, r.ctx, size)
		if from == 0 {
			return r.exception()
		}
		copy(at(from, len(*code)), *code)
		program := lib.XJS_ReadObject(r.tls, r.ctx, from, size, lib.MJS_READ_OBJ_BYTECODE)
		lib.Xjs_free(r.tls, r.ctx, from)
		if isException(program) {
			return r.exception()
		}
		got, err = r.out(lib.XJS_EvalFunction(r.tls, r.ctx, program)) // which takes it over
		return err
	})
	return got, err
}

// compile has a runtime of its own read a source: nothing of any script's has a part in what all of them get.
func compile(s Source) (code []byte, err error) {
	r, err := New(Limits{Time: setUpTime, Source: len(s.Text)})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	err = r.run(func() error {
		lib.XJS_SetStripInfo(r.tls, r.rt, lib.MJS_STRIP_SOURCE)
		program, err := r.read(s)
		if err != nil {
			return err
		}
		defer r.free(program)
		n := r.tls.Alloc(8)
		defer r.tls.Free(8)
		p := lib.XJS_WriteObject(r.tls, r.ctx, n, program, lib.MJS_WRITE_OBJ_BYTECODE)
		if p == 0 {
			return r.exception()
		}
		defer lib.Xjs_free(r.tls, r.ctx, p)
		code = append(code, at(p, int(load[uint64](n)))...)
		return nil
	})
	return code, err
}

// read has the engine read a source, within a run. What it returns is the caller's.
func (r *Runtime) read(s Source) (jsv, error) {
	name, err := libc.CString(wellFormed(s.Name))
	if err != nil {
		return jsUndefined, err
	}
	defer libc.Xfree(r.tls, name)
	text := s.text()
	program := r.bytes(text, func(p uintptr) jsv {
		return lib.XJS_Eval(r.tls, r.ctx, p, uint64(len(text)), name, lib.MJS_EVAL_TYPE_GLOBAL|lib.MJS_EVAL_FLAG_COMPILE_ONLY)
	})
	if !isException(program) {
		return program, nil
	}
	e := r.exception()
	if e.Kind == nil {
		e.Kind = ErrSyntax
	}
	if e.File == "" {
		e.File = s.Name
	}
	return jsUndefined, e
}
