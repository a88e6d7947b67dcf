package dialect

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// What an edit does at its place. The order is that of several at one place:
// what is left is closed, then something is opened, then comes the token.
const (
	closing = iota
	opening
	replacing
)

// edit replaces src[pos:end] by text; pos is end for what is inserted.
type edit struct {
	pos, end int
	text     string
	rank     int8
	// seq is the order in which edits were made. A construct is edited when it
	// has been read: the inner before the outer.
	seq int32
	// out is where in the result the text ends.
	out int
}

func (p *parser) edit(pos, end int, rank int8, text string) int {
	if len(p.edits) >= maxEdits {
		p.refuse(pos, fmt.Sprintf("the file has more than %d places that are to be said in other words: split it", maxEdits))
		return len(p.edits) - 1
	}
	p.edits = append(p.edits, edit{pos: pos, end: end, text: text, rank: rank, seq: int32(len(p.edits))})
	return len(p.edits) - 1
}

// replace puts text in a token's place. Tokens have no line ends (but strings,
// which are not replaced), so lines stay where they are.
func (p *parser) replace(pos, end int, text string) { p.edit(pos, end, replacing, text) }

// blank leaves a token out and keeps the columns after it.
func (p *parser) blank(pos, end int) { p.replace(pos, end, strings.Repeat(" ", end-pos)) }

// wrap puts what stands between pos and end between two texts.
func (p *parser) wrap(pos, end int, before, after string) {
	p.edit(pos, pos, opening, before)
	p.edit(end, end, closing, after)
}

// around does as wrap, where there may be nothing between the two.
func (p *parser) around(pos, end int, before, after string) {
	if pos == end {
		p.edit(pos, pos, opening, before+after)
		return
	}
	p.wrap(pos, end, before, after)
}

// apply carries the edits out, and gives them back in the order of the text.
func apply(src string, edits []edit) (string, []edit) {
	slices.SortFunc(edits, func(a, b edit) int {
		if c := cmp.Or(cmp.Compare(a.pos, b.pos), cmp.Compare(a.rank, b.rank)); c != 0 {
			return c
		}
		if a.rank == opening { // the outer one was made later
			return cmp.Compare(b.seq, a.seq)
		}
		return cmp.Compare(a.seq, b.seq)
	})
	if len(edits) == 0 {
		return src, nil
	}
	size := len(src)
	for i := range edits {
		size += len(edits[i].text)
	}
	var out strings.Builder
	out.Grow(size)
	at, last := 0, byte(' ')
	for i := range edits {
		e := &edits[i]
		out.WriteString(src[at:e.pos])
		if e.pos > at {
			last = src[e.pos-1]
		}
		if e.text != "" {
			if part(last) && part(e.text[0]) { // return{…}, of which the brace becomes a name
				out.WriteByte(' ')
			}
			out.WriteString(e.text)
			last = e.text[len(e.text)-1]
			if e.end < len(src) && part(last) && part(src[e.end]) {
				out.WriteByte(' ')
				last = ' '
			}
		}
		at, e.out = e.end, out.Len()
	}
	out.WriteString(src[at:])
	return out.String(), edits
}

// part tells whether a byte may stand in a name or a number.
func part(c byte) bool { return isNameStart(c) || isDigit(c) || c >= utf8.RuneSelf || c == '\\' }

// moved gives the place in the result of what stood at pos: before what was
// put in its place, and behind what was inserted there.
func moved(edits []edit, pos int) int {
	i := sort.Search(len(edits), func(i int) bool {
		return edits[i].pos > pos || edits[i].pos == pos && edits[i].rank == replacing
	})
	return after(edits, i, pos)
}

// movedEnd gives where in the result a construct ends that ended at pos; last
// is the number of the edit that closed it, or -1.
func movedEnd(edits []edit, pos int, last int32) int {
	i := sort.Search(len(edits), func(i int) bool {
		e := &edits[i]
		return e.pos > pos || e.pos == pos && (e.rank != closing || e.seq > last)
	})
	return after(edits, i, pos)
}

// after gives the place in the result of pos, when i edits come before it.
func after(edits []edit, i, pos int) int {
	if i == 0 {
		return pos
	}
	return edits[i-1].out + pos - edits[i-1].end
}

// edited tells whether anything between two places is said in other words.
func edited(edits []edit, start, end int) bool {
	i := sort.Search(len(edits), func(i int) bool {
		return edits[i].pos > start || edits[i].pos == start && edits[i].rank == replacing
	})
	return i < len(edits) && edits[i].pos < end
}

// Column gives the column in the file of a place in Text, both of them counted
// in characters from 1, as QuickJS counts them. Within what was inserted it is
// that of the character behind it. Lines need no such function.
func (s *Source) Column(line, column int) int {
	start, end := nthLine(s.Text, line)
	if column < 1 || len(s.edits) == 0 {
		return column
	}
	at := start
	for ; column > 1 && at < end; column-- {
		_, n := utf8.DecodeRuneInString(s.Text[at:])
		at += n
	}
	i := sort.Search(len(s.edits), func(i int) bool { return s.edits[i].out > at })
	original := after(s.edits, i, 0) // what a place without edits would be moved by
	original = at - original
	if i < len(s.edits) && original > s.edits[i].pos {
		original = s.edits[i].pos
	}
	start, _ = nthLine(s.original, line)
	return utf8.RuneCountInString(s.original[start:max(start, original)]) + 1
}

// nthLine gives where a line begins and ends; lines count from 1.
func nthLine(text string, n int) (start, end int) {
	for ; n > 1; n-- {
		i := strings.IndexByte(text[start:], '\n')
		if i < 0 {
			return len(text), len(text)
		}
		start += i + 1
	}
	if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
		return start, start + i
	}
	return start, len(text)
}
