if(QUENCH_LAB)
  quench_test(why_test TORCH SOURCES why_findings_test.cpp why_rules_test.cpp USES why LABELS fast)
endif()
