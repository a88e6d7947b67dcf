package budget_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// What is a part of a budget takes of both, and what is left of the whole is not
// for it.
func TestPartOfABudget(t *testing.T) {
	t.Parallel()
	whole := budget.New("messages", 100)
	part := whole.Part("messages of strangers", 60)
	if !part.Take(60) || part.Take(1) || whole.Used() != 60 {
		t.Fatalf("%d of the whole used, want 60 and no more of the part", whole.Used())
	}
	if !whole.Take(40) || whole.Take(1) {
		t.Error("want the rest of the whole, and no more")
	}
	part.Give(10)
	if whole.Used() != 90 {
		t.Errorf("%d of the whole used after 10 were given back, want 90", whole.Used())
	}
	part.Owe(50)
	if part.Used() != 100 || whole.Used() != 140 || part.Take(1) {
		t.Error("what is owed counts as what is taken does")
	}
}

// A connection has at most its share, and all of it comes back when it ends,
// whatever its holders do afterwards.
func TestShareComesBack(t *testing.T) {
	t.Parallel()
	messages, waiting := budget.New("messages", 100), budget.New("waiting names", 10)
	s := budget.NewShare()
	if !s.Take(messages, 30, 40) || s.Take(messages, 11, 40) || !s.Take(messages, 10, 40) || !s.Take(waiting, 10, 20) {
		t.Fatal("want what the share may have, and no more")
	}
	if s.Take(waiting, 1, 20) {
		t.Error("taken of a budget that is used up")
	}
	s.Give(messages, 5)
	if s.Used(messages) != 35 || messages.Used() != 35 {
		t.Errorf("%d and %d used, want 35", s.Used(messages), messages.Used())
	}
	s.End()
	if messages.Used() != 0 || waiting.Used() != 0 {
		t.Errorf("%d and %d used after the end", messages.Used(), waiting.Used())
	}
	s.Give(messages, 35) // by who did not know of the end
	if s.Take(messages, 1, 40) || messages.Used() != 0 {
		t.Error("taken after the end")
	}
}

// A budget that is used up is told of once, however often it is asked for.
func TestUsedUpIsToldOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := budget.For(1<<30, 100, slog.New(slog.NewTextHandler(&log, nil)))
	for range 1000 {
		if b.Files.Take(101) {
			t.Fatal("more files than there are")
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "budget=files") {
		t.Errorf("%d lines, want one that names the budget:\n%s", n, log.String())
	}
	if b.Files.Refused() != 1000 {
		t.Errorf("%d counted as refused, want 1000", b.Files.Refused())
	}
}

// However little or much memory there is, no budget is nothing and strangers
// never have all of one.
func TestBudgetsOfAnyMemory(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 64 << 20, 1 << 30, 1 << 40} {
		b := budget.For(memory, 4000, nil)
		for _, one := range b.All() {
			if one.Max() < 1000 {
				t.Errorf("memory %d: %s: %d", memory, one.Name(), one.Max())
			}
		}
		if 2*b.Strangers.Max() > b.Messages.Max() {
			t.Errorf("memory %d: strangers may hold %d of %d", memory, b.Strangers.Max(), b.Messages.Max())
		}
		if 2*b.ObjectAnswers.Max() > b.Answers.Max() {
			t.Errorf("memory %d: of %d of answers %d are for objects", memory, b.Answers.Max(), b.ObjectAnswers.Max())
		}
	}
	if all := (*budget.Budgets)(nil).All(); len(all) != 0 {
		t.Errorf("%d budgets of none", len(all))
	}
}
