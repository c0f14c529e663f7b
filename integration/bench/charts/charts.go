// Package charts draws figures of docs/benchmarks.md, from the tables in that
// page alone, and puts the pictures into it.
package charts

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"
)

// Chart is a picture of columns of a table: a group of bars for each of its rows.
type Chart struct {
	File    string   // in Folder
	Section string   // heading of the section that has the table
	Title   string   // with the unit
	Columns []string // headings
}

// Folder is where the pictures are, beside the page.
const Folder = "charts"

// All are the charts in the order of the page.
func All() []Chart {
	return []Chart{
		{"classic-seconds.svg", "Against the classic build", "Over a new base, in seconds", []string{"s for a base"}},
		{"classic-size.svg", "Against the classic build", "Over a new base, in MB", []string{"MB of disk for a base", "MB of the image"}},
		{"start.svg", "From `docker run` to /alive", "From docker run to /alive, in seconds", []string{"s"}},
		{"copy.svg", "The same by `docker build` and COPY", "Stage 2 beside COPY, in seconds", []string{"COPY: s", "plugin: s"}},
		{"bases.svg", "One base after the other", "Stage 2 over a new base, in seconds", []string{"s"}},
		{"pull.svg", "Pulling and unpacking", "Pulling and unpacking, in seconds", []string{"s"}},
	}
}

// picture is the line of a picture in the page, and the empty line after it.
var picture = regexp.MustCompile(`(?m)^!\[[^\]]*\]\(` + Folder + `/[^)]*\)\n\n?`)

// Illustrate returns the page with the pictures below the headings of their
// sections, and with no others.
func Illustrate(page string) (string, error) {
	page = picture.ReplaceAllString(page, "")
	sections := map[string]string{}
	for _, c := range All() {
		sections[c.Section] += fmt.Sprintf("![%s](%s/%s)\n\n", c.Title, Folder, c.File)
	}
	for heading, pictures := range sections {
		line := "\n## " + heading + "\n\n"
		if strings.Count(page, line) != 1 {
			return "", fmt.Errorf("the page has %d sections %q, want 1", strings.Count(page, line), heading)
		}
		page = strings.Replace(page, line, line+pictures, 1)
	}
	return page, nil
}

// Draw returns the picture as SVG.
func (c Chart) Draw(page string) ([]byte, error) {
	rows, values, err := c.read(page)
	if err != nil {
		return nil, fmt.Errorf("the table of %q: %w", c.Section, err)
	}
	slices.Reverse(rows) // the first one is the uppermost
	for _, series := range values {
		slices.Reverse(series)
	}
	const (
		width, above = 760, 90 // pixels
		bar          = 30      // likewise, with its share of the gaps
		labelSize    = 12
	)
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	options := charts.NewBarChartOptionWithData(values)
	options.Horizontal = true
	options.Title.Text = c.Title
	options.Title.FontStyle.FontSize = labelSize
	options.CategoryAxis.Labels = rows
	// Widths are measured by a font that who looks at the picture may lack: the
	// labels have room for one that is a sixth wider.
	slack := 0
	for _, row := range rows {
		slack = max(slack, len(row)*labelSize/12)
	}
	options.CategoryAxis.LabelFontStyle.FontSize, options.ValueAxis[0].LabelFontStyle.FontSize = labelSize, labelSize
	options.Legend.FontStyle.FontSize = labelSize
	options.CategoryAxis.LabelOffset.Left = -slack
	options.ValueAxis[0].Min = charts.Ptr(0.0)
	options.ValueFormatter = number
	options.Legend.Show = charts.Ptr(len(values) > 1)
	options.Legend.Offset = charts.OffsetStr{Left: charts.PositionRight}
	options.Padding = charts.NewBox(20+slack, 15, 60, 10) // room for the label of the longest bar
	for i := range options.SeriesList {
		options.SeriesList[i].Name = c.Columns[i]
		options.SeriesList[i].Label.Show = charts.Ptr(true)
		options.SeriesList[i].Label.ValueFormatter = number
	}
	painter := charts.NewPainter(charts.PainterOptions{
		OutputFormat: charts.ChartOutputSVG, Width: width, Height: above + bar*len(rows)*len(values),
	})
	if err := painter.BarChart(options); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", c.File, err)
	}
	return painter.Bytes()
}

// read returns the first cell of each row, and the values of each column.
func (c Chart) read(page string) (rows []string, values [][]float64, err error) {
	_, section, _ := strings.Cut(page, "\n## "+c.Section+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var places []int
	values = make([][]float64, len(c.Columns))
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"), strings.HasPrefix(line, "|--"):
		case places == nil:
			for _, column := range c.Columns {
				place := slices.Index(cells, column)
				if place < 0 {
					return nil, nil, fmt.Errorf("it has no column %q", column)
				}
				places = append(places, place)
			}
		default:
			rows = append(rows, cells[0])
			for i, place := range places {
				if place >= len(cells) {
					return nil, nil, fmt.Errorf("the row %q has %d cells", cells[0], len(cells))
				}
				value, err := strconv.ParseFloat(cells[place], 64)
				if err != nil {
					return nil, nil, fmt.Errorf("the row %q: %w", cells[0], err)
				}
				values[i] = append(values[i], value)
			}
		}
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("it has no rows")
	}
	return rows, values, nil
}
