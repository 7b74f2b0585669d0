# Logistic regression of a small written table, for tests/reference/test_response_logistic.py.
# Rscript tests/reference/r/response/logistic.R > tests/reference/r/response/logistic.csv
event <- c(1,0,0,1,1,0,1,0,0,1,1,0,0,0,1,1,0,1,0,0,1,0,1,0,0,1,0,0,1,0)
age <- c(51,62,70,45,58,66,49,71,68,55,60,73,64,59,47,52,69,57,63,75,50,61,66,54,72,48,67,70,56,65)
grade <- factor(rep(c("G1", "G2", "G3"), 10), levels = c("G1", "G2", "G3"))
fit <- glm(event ~ age + grade, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
found <- summary(fit)$coefficients
bounds <- exp(confint.default(fit))
cat("#", R.version.string, "stats", as.character(packageVersion("stats")), "\n")
cat("term,coefficient,std_error,p_value,low,high\n")
for (term in rownames(found)[-1])
  cat(sprintf("%s,%.12g,%.12g,%.12g,%.12g,%.12g\n", term, found[term, 1], found[term, 2], found[term, 4],
              bounds[term, 1], bounds[term, 2]))
