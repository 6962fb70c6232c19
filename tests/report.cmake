quench_test(report_pareto_test SOURCES report_pareto_test.cpp USES report LABELS fast)
quench_test(report_findings_test SOURCES report_findings_test.cpp USES report LABELS fast)
quench_test(report_table_test SOURCES report_table_test.cpp report_samples.cpp USES report LABELS fast)
quench_test(report_html_test SOURCES report_html_test.cpp report_samples.cpp USES report LABELS fast
            NEEDS echarts "Html.ChartDataReadsBack")
quench_test(report_figure_page_test SOURCES report_figure_page_test.cpp USES report LABELS fast)
quench_test(report_chart_test SOURCES report_chart_test.cpp report_samples.cpp USES report LABELS fast)
quench_test(report_figure_test SOURCES report_figure_test.cpp report_samples.cpp USES report LABELS fast
            NEEDS cairo "Figures.AreFilesOfTheirFormat")
if(TARGET quench_figure_writer)
  add_dependencies(report_figure_test quench_figure_writer)
endif()
quench_test(report_commands_test SOURCES report_commands_test.cpp USES report LABELS fast)
quench_test(report_worlds_test SOURCES report_worlds_test.cpp USES report)
