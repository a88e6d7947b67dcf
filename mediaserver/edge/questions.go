package edge

import "slices"

// questions are what the origin was asked for one client, in the order of their ids: those
// that are not answered, and those that are told of later. A client that plays has one, and
// thousands of them are the reason why this is no map. Nil: there is nobody to ask.
type questions []*question

// with is one more, whose id is larger than all before.
func (qs questions) with(id uint64, q *question) questions {
	q.id = id
	return append(qs, q)
}

// without is all but one, which need not be there.
func (qs questions) without(q *question) questions {
	if i := qs.index(q.id); i >= 0 && qs[i] == q {
		return slices.Delete(qs, i, i+1)
	}
	return qs
}

// find is the question of an id; nil: there is none.
func (qs questions) find(id uint64) *question {
	if i := qs.index(id); i >= 0 {
		return qs[i]
	}
	return nil
}

// index is where the question of an id is; -1: nowhere.
func (qs questions) index(id uint64) int {
	i, ok := slices.BinarySearchFunc(qs, id, func(q *question, id uint64) int {
		switch {
		case q.id < id:
			return -1
		case q.id > id:
			return 1
		}
		return 0
	})
	if !ok {
		return -1
	}
	return i
}

// settle answers questions in the origin's place, in the order in which they were asked.
func settle(asked questions, err error) {
	for _, q := range asked {
		if !q.told {
			q.lost(err)
		}
	}
}
