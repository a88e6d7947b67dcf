package engine

import (
	"runtime"
	"strings"
	"unicode/utf8"

	lib "modernc.org/libquickjs"
)

// This file reads the engine's memory without the engine: where a script stands, also when nothing of the engine may run any more.
// All loops in it end, whatever they read.

// Here says where the script stands that called a Go function: the calls under way, innermost first, at most 20.
func (r *Runtime) Here() []Place {
	if r.usable() != nil || r.depth == 0 {
		return nil
	}
	return r.frames()
}

// postMortem is Here for a runtime of which nothing can be relied on, not even that its memory can be read.
func (r *Runtime) postMortem() (stack []Place) {
	defer func() { _ = recover() }() // then it is not known where it stood
	if r.rt == 0 {
		return nil
	}
	return r.frames()
}

func (r *Runtime) frames() []Place {
	var stack []Place
	frame := ptr[lib.TJSRuntime](r.rt).Fcurrent_stack_frame
	for frame != 0 && len(stack) < maxPlaces {
		f := ptr[lib.TJSStackFrame](frame)
		if b := bytecodeOf(f.Fcur_func); b != 0 {
			stack = append(stack, r.place(ptr[lib.TJSFunctionBytecode](b), f.Fcur_pc))
		}
		frame = f.Fprev_frame
	}
	return stack
}

// bytecodeOf is the code of a function that is written in the language, or 0.
func bytecodeOf(f jsv) uintptr {
	if !isObject(f) {
		return 0
	}
	o := ptr[lib.TJSObject](pointer(f))
	switch uint32(o.Fclass_id) {
	case lib.EJS_CLASS_BYTECODE_FUNCTION, lib.EJS_CLASS_GENERATOR_FUNCTION, lib.EJS_CLASS_ASYNC_FUNCTION,
		lib.EJS_CLASS_ASYNC_GENERATOR_FUNCTION:
		return o.Fu.Fopaque // the first of the union's fields
	}
	return 0
}

// hasDebug is the bit of a function's code that says that it knows its lines.
func hasDebug(b *lib.TJSFunctionBytecode) bool { return b.F__ccgo18&4 != 0 }

// place is where a function stands. pc is the address behind the call that is under way, or 0 for where the function begins.
func (r *Runtime) place(b *lib.TJSFunctionBytecode, pc uintptr) Place {
	p := Place{Function: r.atomText(b.Ffunc_name)}
	if p.Function == "<eval>" {
		p.Function = ""
	}
	if !hasDebug(b) {
		return p
	}
	p.File = r.atomText(b.Fdebug.Ffilename)
	table := at(b.Fdebug.Fpc2line_buf, int(max(b.Fdebug.Fpc2line_len, 0)))
	offset := -1
	if pc > b.Fbyte_code_buf {
		offset = int(pc - b.Fbyte_code_buf - 1)
	}
	p.Line, p.Column = position(table, offset)
	return p
}

const (
	pcFirst = 1  // PC2LINE_OP_FIRST of quickjs.c
	pcRange = 5  // PC2LINE_RANGE
	pcBase  = -1 // PC2LINE_BASE

	stringHeader = 12 // before a string's text: sizeof(JSString)
)

// position reads a table of positions, as quickjs.c writes them (compute_pc2line_info): line and column of the function, then steps of
// the address and of line and column.
func position(table []byte, offset int) (line, column int) {
	t := leb{b: table}
	line, column = t.unsigned()+1, t.unsigned()+1
	if offset < 0 || t.short {
		return line, column
	}
	pc := 0
	for len(t.b) > 0 && !t.short {
		var nextLine int
		op := int(t.b[0])
		t.b = t.b[1:]
		if op == 0 {
			pc += t.unsigned()
			nextLine = line + t.signed()
		} else {
			op -= pcFirst
			pc += op / pcRange
			nextLine = line + op%pcRange + pcBase
		}
		nextColumn := column + t.signed()
		if offset < pc || t.short {
			break
		}
		line, column = nextLine, nextColumn
	}
	return line, column
}

// leb reads numbers of seven bits a byte.
type leb struct {
	b     []byte
	short bool // there were fewer bytes than the number needs
}

func (t *leb) unsigned() int {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		if len(t.b) == 0 {
			t.short = true
			return 0
		}
		c := t.b[0]
		t.b = t.b[1:]
		v |= uint32(c&0x7f) << shift
		if c&0x80 == 0 {
			break
		}
	}
	return int(v)
}

func (t *leb) signed() int {
	v := uint32(t.unsigned())
	return int(int32(v>>1) ^ -int32(v&1))
}

// atomText is a name's text.
func (r *Runtime) atomText(a lib.TJSAtom) string {
	rt := ptr[lib.TJSRuntime](r.rt)
	if a == 0 || a >= uint32(rt.Fatom_size) {
		return ""
	}
	s := load[uintptr](rt.Fatom_array + uintptr(a)*8)
	if s == 0 || s&1 != 0 {
		return ""
	}
	bits := ptr[lib.TJSString](s).F__ccgo0
	n, wide := min(int(bits&0x7fffffff), 256), bits>>31 != 0
	text := s + stringHeader
	var b []byte
	for i := range n {
		if wide {
			b = utf8.AppendRune(b, rune(load[uint16](text+uintptr(2*i)))) // names beyond 16 bits are shown with a mark
		} else {
			b = utf8.AppendRune(b, rune(load[byte](text+uintptr(i))))
		}
	}
	return string(b)
}

// nativeFrame is the engine's own function in which a goroutine panicked, as the engine names it. It must be called while the panic is
// under way.
func nativeFrame() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if name, ok := strings.CutPrefix(f.Function, "modernc.org/libquickjs._js_"); ok {
			return name
		}
		if !more {
			return ""
		}
	}
}

// Written says where a function was written that is the script's, whatever goes for its source; false for the engine's own functions,
// Go's, and what is no function.
func (o *Object) Written() (p Place, ok bool) {
	o.look(func(r *Runtime, v jsv) {
		if b := bytecodeOf(v); b != 0 {
			p, ok = r.place(ptr[lib.TJSFunctionBytecode](b), 0), true
		}
	})
	return p, ok
}
