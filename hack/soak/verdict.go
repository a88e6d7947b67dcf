package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	// mayGrow is how much larger memory may be at the end than in the beginning.
	mayGrow = 1.1
	// judgedFrom is the shortest run that says anything of memory: within a few
	// minutes it follows the clients that happen to be connected.
	judgedFrom = 10 * time.Minute
)

// verdict says whether memory stayed flat and players saw what they should.
// That goroutines and files came back has been waited for.
func verdict(out io.Writer, ran time.Duration, during []sample, c *crew) error {
	err := c.failure()
	ratio, ok := growth(during)
	switch {
	case ok:
		fmt.Fprintf(out, "memory: in the last quarter %.2f times what it was in the second\n", ratio)
		if ran >= judgedFrom && ratio > mayGrow {
			err = errors.Join(err, fmt.Errorf("memory grew to %.2f times; %.1f is allowed", ratio, mayGrow))
		}
	case ran >= judgedFrom:
		err = errors.Join(err, fmt.Errorf("only %d samples: choose a smaller -every", len(during)))
	}
	switch {
	case err != nil:
	case ran < judgedFrom:
		fmt.Fprintf(out, "no leak of goroutines or files; of memory, a run of less than %v says nothing\n", judgedFrom)
	default:
		fmt.Fprintln(out, "no leak of goroutines, files or memory")
	}
	return err
}

// growth is the median memory of the last quarter over that of the second; ok
// is false when there are too few samples for quarters.
func growth(during []sample) (ratio float64, ok bool) {
	n := len(during)
	if n < 8 {
		return 0, false
	}
	return medianMemory(during[n-n/4:]) / medianMemory(during[n/4:n/2]), true
}

func medianMemory(list []sample) float64 {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b sample) int { return cmp.Compare(a.memory, b.memory) })
	return float64(list[len(list)/2].memory)
}
