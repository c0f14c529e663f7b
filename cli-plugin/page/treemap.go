package page

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// box is a rectangle of a picture, in its units.
type box struct{ left, top, width, height float64 }

// squarify divides a rectangle in the ratio of sizes, the largest first, none of
// them negative, into rectangles close to squares: Bruls, Huizing and van Wijk,
// "Squarified Treemaps" (2000).
func squarify(sizes []int64, in box) []box {
	var total float64
	for _, size := range sizes {
		total += float64(size)
	}
	boxes := make([]box, 0, len(sizes))
	if total <= 0 {
		return append(boxes, make([]box, len(sizes))...)
	}
	scale := in.width * in.height / total
	for len(sizes) > 0 {
		side := min(in.width, in.height)
		row, worst := 0.0, 0.0 // area of the row, ratio of its narrowest rectangle
		n := 0
		for ; n < len(sizes); n++ {
			longer := row + float64(sizes[n])*scale
			next := narrowest(longer, side, float64(sizes[0])*scale, float64(sizes[n])*scale)
			if n > 0 && next > worst {
				break
			}
			row, worst = longer, next
		}
		var made []box
		made, in = rowOf(sizes[:n], row, scale, in)
		boxes = append(boxes, made...)
		sizes = sizes[n:]
	}
	return boxes
}

// narrowest is the ratio of the sides of the narrowest rectangle in a row along
// a side, given the areas of all of the row, of its largest and its smallest one.
func narrowest(row, side, largest, smallest float64) float64 {
	if row <= 0 || smallest <= 0 {
		return 0
	}
	return max(side*side*largest/(row*row), row*row/(side*side*smallest))
}

// rowOf lays a row of so large an area along the shorter side, and returns what is
// left of the rectangle.
func rowOf(sizes []int64, area, scale float64, in box) (row []box, rest box) {
	side := min(in.width, in.height)
	depth := 0.0
	if side > 0 {
		depth = area / side
	}
	at := 0.0
	for _, size := range sizes {
		length := 0.0
		if depth > 0 {
			length = float64(size) * scale / depth
		}
		if in.width >= in.height {
			row = append(row, box{in.left, in.top + at, depth, length})
		} else {
			row = append(row, box{in.left + at, in.top, length, depth})
		}
		at += length
	}
	if in.width >= in.height {
		return row, box{in.left + depth, in.top, in.width - depth, in.height}
	}
	return row, box{in.left, in.top + depth, in.width, in.height - depth}
}

// Measures of treemaps, in units of the picture, which are pixels where it is
// shown as large as it is.
const (
	gap       = 1.0  // between neighbours, on each side
	heading   = 17.0 // height of a heading
	leastArea = 320  // of a tile that is drawn by itself
	leastTile = 34.0 // width and height of one that shows what is in it
	letter    = 6.2  // width of one in a heading, about: what is longer is cut off
)

// tile is a branch in a treemap.
type tile struct {
	box
	Label string // empty: there is no room
	Title string // shown where the pointer rests, and read out
	Link  string // fragment of the page; empty: none
	Hue   int    // of 12
	Depth int
	Parts []tile
}

// Left, Top, Width and Height are attributes of a picture.
func (t tile) Left() string   { return decimal(t.left) }
func (t tile) Top() string    { return decimal(t.top) }
func (t tile) Width() string  { return decimal(max(t.width, 0)) }
func (t tile) Height() string { return decimal(max(t.height, 0)) }

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// picture is a treemap.
type picture struct {
	Width, Height int
	About         string // what is seen, in words
	Tiles         []tile
}

// treemap draws branches, the largest first, and levels of what is in them. Those
// that are too small for that are one tile.
func treemap(branches []*branch, in box, levels int, look func(i int) (hue int, link string)) []tile {
	var total int64
	for _, b := range branches {
		total += b.Bytes
	}
	shown := len(branches)
	for shown > 0 && in.width*in.height*float64(branches[shown-1].Bytes) < leastArea*float64(total) {
		shown--
	}
	if shown == len(branches)-1 { // one is no crowd
		shown++
	}
	var sizes []int64
	var small branch
	for i, b := range branches {
		if i < shown {
			sizes = append(sizes, b.Bytes)
		}
		if i >= shown {
			small.count(b)
		}
	}
	if shown < len(branches) {
		small.Name = fmt.Sprintf("%d smaller", len(branches)-shown)
		sizes = append(sizes, small.Bytes)
	}
	var tiles []tile
	for i, space := range squarify(sizes, in) {
		b := &small
		hue, link := look(min(i, len(branches)-1))
		if i < shown {
			b = branches[i]
		} else {
			link = ""
		}
		tiles = append(tiles, b.tile(space, hue, link, levels))
	}
	return tiles
}

func (b *branch) tile(in box, hue int, link string, levels int) tile {
	size := humanSize(b.Bytes)
	t := tile{box: box{in.left + gap, in.top + gap, in.width - 2*gap, in.height - 2*gap}, Title: b.label() + ": " + size, Hue: hue, Link: link}
	if t.width >= leastTile && t.height >= heading {
		t.Label = b.label()
		if whole := t.Label + " " + size; letter*float64(utf8.RuneCountInString(whole)) < t.width {
			t.Label = whole
		}
	}
	inner := box{t.left + gap, t.top + heading, t.width - 2*gap, t.height - heading - gap}
	if parts := b.parts(); levels > 0 && len(parts) > 0 && inner.width >= leastTile && inner.height >= leastTile {
		// What lies in the folder itself has its place, too.
		if own := b.own(parts); own.Bytes > 0 {
			parts = withOwn(parts, own)
		}
		t.Parts = treemap(parts, inner, levels-1, func(int) (int, string) { return hue, "" })
		for i := range t.Parts {
			t.Parts[i].deepen()
		}
	}
	return t
}

func (t *tile) deepen() {
	t.Depth++
	for i := range t.Parts {
		t.Parts[i].deepen()
	}
}
