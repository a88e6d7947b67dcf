package media_test

import (
	"slices"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// Long lists grow as append has them grow: what shares the list as it was does not
// see it.
func TestListsGrow(t *testing.T) {
	const n = 10000
	var list, want []int
	for i := range n {
		was := list
		list, want = media.Append(list, i), append(want, i)
		if !slices.Equal(was, want[:i]) {
			t.Fatalf("the list of %d entries is another", i)
		}
	}
	if !slices.Equal(list, want) || cap(list) > 2*n {
		t.Errorf("%d entries, room for %d", len(list), cap(list))
	}
	roomy := media.Room(list, 2*n)
	if roomy[0] = -1; !slices.Equal(roomy[1:], want[1:]) || cap(roomy) != 2*n || list[0] != 0 {
		t.Errorf("%d entries, room for %d, the first of the other list %d", len(roomy), cap(roomy), list[0])
	}
}
