//go:build clients

package server

import (
	"fmt"
	"strings"
	"time"
)

// spendingHead is what SPENDING.md begins with.
const spendingHead = `# Spending

What a stranger, who has no publish key, can make a server spend, and what others notice of it. ` + "`go test -tags clients -run TestSpending ./mediaserver/server`" + ` plays
each stranger for two seconds against a server of its own, with a live stream of 50 pictures a second beside it, and publishers with the
key that come and go. It fails when the server takes more memory than the bound of the row, when a picture is lost, when one picture in a hundred comes
later than 20 ms, when a publisher with the key is let in after more than a second, or when the server has 16 MB more than before ten seconds after the
strangers have left, beside indexes of files (32 and 48 MB in the rows that ask for large ones), which are kept so that they are not read again, and
instances, which stay loaded for a while (16 MB in the row that has them start). These times are those of a machine that has nothing else to do: ` + "`-quiet-spending`" + ` asks
for them, and the run that writes this table. On any other machine, pictures may be a second late and publishers ten, or half of that for each time that the
machine is slower: what is noticed of a server beside it that no stranger comes to, and how long the server's threads wait for a processor, say by how much. The
memory is to be back when the server's runtime is told to give it back.

A stranger whom the server ends, or has no place for, comes again. A row goes on until the strangers have sent, read and been served as much as makes it one,
and fails when that is not so after two minutes: a server that refuses everything spends nothing, too.

Server, strangers, and those who watch are processes of their own, on one machine (this table: one with two cores). Strangers run at the lowest priority
(nice 19; nice 10 on a machine that has other work, which would leave them nothing): they have machines of their own in life, and what is measured is what the server does with what they send, not what their sending costs. The
server may use all cores, and those who watch have the server's priority. A row may try three times. Memory is what the process has of its own (RssAnon),
looked at every 20 ms.

The rows behind "all of the above" have networks, ports or servers of their own, and are not among those.

Figures are those of the run that wrote the table (` + "`make spending-table`" + `), and no part of what is compared. The budgets are those of [` + "`budget`" + `](budget): each is
a metric, flashpod_budget_used, and flashpod_budget_refused_total counts who found it used up.

| what is sent | the bound | what others notice | sent | memory | processor | live pictures: median, p99 | a publisher gets in | memory is back |
|---|---|---|---|---|---|---|---|---|
`

// spendingTable writes the table.
func spendingTable(trials []trial, rows []*spent) string {
	var b strings.Builder
	b.WriteString(spendingHead)
	for n, one := range trials {
		r := rows[n]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s of %s | %s, %s | after %s at most | after %s |\n", one.name, one.bound, one.notices,
			size(int64(r.sent)), size(r.memory), seconds(r.processor), seconds(r.took),
			millis(r.median), millis(r.p99), millis(r.publisher), seconds(r.back))
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
func millis(d time.Duration) string  { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func size(n int64) string {
	switch {
	case n <= 0:
		return "none"
	case n < 1<<20:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// without is the table without its figures.
func without(table string) string {
	var out []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 4 {
			line = strings.Join(cells[:4], "|")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
