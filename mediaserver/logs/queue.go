package logs

import "sync"

// maxWrite is how many bytes are written at once.
const maxWrite = 64 << 10

// queue holds lines until they are written.
type queue struct {
	max int // bytes

	mu     sync.Mutex // nothing else is taken while it is held
	lines  [][]byte
	bytes  int    // of lines, and of what is being written
	batch  []byte // is being written, or was
	held   int    // lines in batch
	closed bool
	empty  chan struct{} // closed when all is written; nil: nobody waits for that
	left   uint64        // out, since the start
	told   uint64        // of them
}

// put appends a line, where there is room: own ones have more of it.
func (q *queue) put(line []byte, own bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := q.max
	if !own {
		room -= q.max / 4
	}
	if q.closed || q.bytes+len(line) > room {
		q.left++
		return
	}
	q.add(line)
}

// putNote appends a line of the log's own, of which there are few.
func (q *queue) putNote(line []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(line)
}

// add appends a line. The caller holds mu.
func (q *queue) add(line []byte) {
	q.lines = append(q.lines, line)
	q.bytes += len(line)
}

// take returns some lines, which are valid until it is called again. The caller
// says when they are written. closed says that no more will come.
func (q *queue) take() (lines []byte, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batch, q.held = q.batch[:0], 0
	for _, line := range q.lines {
		if q.held > 0 && len(q.batch)+len(line) > maxWrite {
			break
		}
		q.batch = append(q.batch, line...)
		q.lines[q.held] = nil
		q.held++
	}
	if q.lines = q.lines[q.held:]; len(q.lines) == 0 {
		q.lines = nil
	}
	return q.batch, q.closed
}

// written says that what was taken is in the log, or could not be written.
func (q *queue) written(ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes -= len(q.batch); q.bytes == 0 && q.empty != nil {
		close(q.empty)
		q.empty = nil
	}
	if !ok {
		q.left += uint64(q.held)
	}
}

// untold returns how many lines were left out that nobody was told of, and counts
// them as told: when there is room to tell it, or at the end.
func (q *queue) untold(last bool) (n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes > q.max/2 && !last {
		return 0
	}
	n, q.told = q.left-q.told, q.left
	return n
}

// rest returns what is closed when all is written; nil when it is.
func (q *queue) rest() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes > 0 && q.empty == nil {
		q.empty = make(chan struct{})
	}
	return q.empty
}

func (q *queue) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.left
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}
