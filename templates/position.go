package templates

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// at is the file, and the line in which the first of the keys stands: dotted
// ones, from the root. With a text it is the line of that value of a key, or of
// one below it. What is not there is reported as of the first line.
func (c Component) at(where, text string, keys ...string) string {
	line := 1
	all := positions(c.Files[componentFile])
	if i := slices.IndexFunc(all, func(p position) bool {
		return p.text == text && slices.ContainsFunc(keys, func(key string) bool { return p.key == key || strings.HasPrefix(p.key, key+".") })
	}); i >= 0 {
		line = all[i].line
	}
	return fmt.Sprintf("%s:%d", path.Join(where, componentFile), line)
}

// position is the line of a key or, with a text, of a value that it has.
type position struct {
	key  string // dotted
	text string
	line int
}

// positions lists the keys of a TOML document and the texts among their values,
// in its order. Nothing is listed behind a mistake.
func positions(document []byte) []position {
	var all []position
	var p unstable.Parser
	line := func(n *unstable.Node) int { return p.Shape(n.Raw).Start.Line }
	// Each key of a dotted one counts, so that it is found by its tables, too.
	keys := func(table string, dotted unstable.Iterator) string {
		for dotted.Next() {
			n := dotted.Node()
			table = strings.TrimPrefix(table+"."+string(n.Data), ".")
			all = append(all, position{key: table, line: line(n)})
		}
		return table
	}
	var value func(key string, n *unstable.Node)
	value = func(key string, n *unstable.Node) {
		switch n.Kind {
		case unstable.String:
			all = append(all, position{key, string(n.Data), line(n)})
		case unstable.Array:
			for items := n.Children(); items.Next(); {
				value(key, items.Node())
			}
		case unstable.InlineTable:
			for pairs := n.Children(); pairs.Next(); {
				value(keys(key, pairs.Node().Key()), pairs.Node().Value())
			}
		}
	}
	table := ""
	for p.Reset(document); p.NextExpression(); {
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = keys("", n.Key())
		case unstable.KeyValue:
			value(keys(table, n.Key()), n.Value())
		}
	}
	return all
}
