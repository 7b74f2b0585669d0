# Numbers of R's survival and cmprsk that tests/reference/test_stages_r.py holds the result tables against.
# usage: Rscript stages.R OUTPUT_FOLDER
# Writes the data as the test reads them (from R's survival package) and numbers.csv, stamped with versions.
suppressMessages({library(survival); library(cmprsk)})
folder <- commandArgs(trailingOnly = TRUE)[1]
data(cancer, package = "survival"); data(pbc, package = "survival"); data(transplant, package = "survival")
month <- 30.4375
rows <- list()
put <- function(id, value) rows[[length(rows) + 1]] <<- data.frame(
  id = if (length(value) > 1) paste(id, seq_along(value), sep = ".") else id,
  value = format(as.numeric(value), digits = 16, trim = TRUE))

# a competing event (transplantation), ties, missing covariates
p <- with(pbc, data.frame(time = time, event = c(0, 2, 1)[status + 1], sex = as.character(sex), age = age,
  oedema = paste0("o", edema * 2), bilirubin = bili, spleen = ifelse(is.na(spiders), NA, paste0("s", spiders)),
  centre = paste0("c", seq_along(time) %% 2)))
# deaths after surgery and recurrence; every third patient comes under observation late
k <- subset(colon, etype == 2)
k <- with(k, data.frame(time = time, event = status, rx = as.character(rx), age = age, sex = c("f", "m")[sex + 1],
  nodes = ifelse(is.na(nodes), NA, ifelse(nodes > 4, "many", "few")), differ = ifelse(is.na(differ), NA, paste0("d", differ)),
  entry = ifelse(id %% 3 == 0, floor(time / 4), 0)))
# small, heavy ties, one event a catheter
y <- with(kidney, data.frame(time = time, event = status, sex = c("m", "f")[sex], disease = as.character(disease), age = age))
# waiting list: transplanted, dead, withdrawn; seven waited no day and count half a day
t <- subset(transplant, !is.na(age))
t <- with(t, data.frame(time = pmax(futime, 0.5), event = c(0, 2, 1, 0)[as.integer(event)], blood = as.character(abo),
  age = age, sex = as.character(sex)))
for (name in c("p", "k", "y", "t"))
  write.csv(get(name), file.path(folder, paste0(c(p = "pbc", k = "colon", y = "kidney", t = "transplant")[name], ".csv")),
            row.names = FALSE, quote = FALSE)

curve <- function(id, formula, data, times, types = "log-log") for (type in types) {
  fit <- survfit(formula, data, conf.type = type)
  s <- summary(fit, times = times * month, extend = TRUE)
  own <- paste0(id, "_", type)
  put(paste0(own, "_survival"), s$surv); put(paste0(own, "_low"), s$lower); put(paste0(own, "_high"), s$upper)
  put(paste0(own, "_n_risk"), s$n.risk)
  q <- quantile(fit, 0.5)
  put(paste0(own, "_median"), unlist(q$quantile)); put(paste0(own, "_median_low"), unlist(q$lower))
  put(paste0(own, "_median_high"), unlist(q$upper))
}
types <- c("log-log", "log", "plain", "logit", "arcsin")
curve("pbc_sex", Surv(time, event == 1) ~ sex, p, c(12, 24, 60), types)
curve("colon_late_rx", Surv(entry, time, event) ~ rx, k, c(12, 24, 60), types)
curve("kidney_disease", Surv(time, event) ~ disease, y, c(1, 3, 6))
rm1 <- function(id, formula, data, horizon) {
  s <- summary(survfit(formula, data), rmean = horizon * month)$table
  s <- if (is.null(dim(s))) t(as.matrix(s)) else s
  put(paste0(id, "_rmst"), s[, "rmean"]); put(paste0(id, "_rmst_se"), s[, "se(rmean)"])
}
rm1("pbc_sex", Surv(time, event == 1) ~ sex, p, 60); rm1("colon_late_rx", Surv(entry, time, event) ~ rx, k, 60)
# who dies of the competing cause was not lost: only code 0 ends follow-up
put("pbc_sex_follow_up", quantile(survfit(Surv(time, event == 0) ~ sex, p), 0.5)$quantile)

put("pbc_sex_logrank", survdiff(Surv(time, event == 1) ~ sex, p)$chisq)
put("pbc_oedema_logrank", survdiff(Surv(time, event == 1) ~ oedema, p)$chisq)
put("pbc_oedema_logrank_strata", survdiff(Surv(time, event == 1) ~ oedema + strata(sex), p)$chisq)
put("colon_rx_logrank", survdiff(Surv(time, event) ~ rx, k)$chisq)
put("colon_rx_logrank_strata", survdiff(Surv(time, event) ~ rx + strata(sex, differ), transform(k, differ = ifelse(is.na(differ), "unknown", differ)))$chisq)
put("kidney_disease_logrank", survdiff(Surv(time, event) ~ disease, y)$chisq)
pairs <- list(c("Lev", "Lev+5FU"), c("Obs", "Lev"), c("Obs", "Lev+5FU"))
raw <- sapply(pairs, function(two) survdiff(Surv(time, event) ~ rx, subset(k, rx %in% two))$chisq)
put("colon_rx_pairs", raw); put("colon_rx_pairs_holm", p.adjust(pchisq(raw, 1, lower.tail = FALSE), "holm"))
# survdiff knows no late entry: the statistic from its definition, one 2 x 3 table a death time
late_logrank <- function(entry, time, event, group) {
  levels <- sort(unique(group)); d <- numeric(length(levels)); v <- matrix(0, length(levels), length(levels))
  for (at in sort(unique(time[event == 1]))) {
    n <- table(factor(group[entry < at & time >= at], levels)); m <- table(factor(group[time == at & event == 1], levels))
    total <- sum(n); dead <- sum(m); share <- as.numeric(n) / total
    d <- d + as.numeric(m) - dead * share
    if (total > 1) v <- v + dead * (total - dead) / (total - 1) * (diag(share) - outer(share, share))
  }
  sum(d[-1] * solve(v[-1, -1], d[-1]))
}
put("colon_late_rx_logrank", late_logrank(k$entry, k$time, k$event, k$rx))

model <- function(id, formula, data) {
  environment(formula) <- environment()
  data <- data[complete.cases(data[, all.vars(formula)]), ]
  fit <- coxph(formula, data, ties = "efron")
  put(paste0(id, "_coef"), coef(fit)); put(paste0(id, "_se"), sqrt(diag(vcov(fit)))); put(paste0(id, "_loglik"), fit$loglik)
  z <- cox.zph(fit, transform = "km")$table
  terms <- setdiff(attr(terms(formula), "term.labels"), grep("strata", attr(terms(formula), "term.labels"), value = TRUE))
  without <- lapply(terms, function(term) anova(coxph(update(formula, paste(". ~ . -", term)), data, ties = "efron"), fit)[2, ])
  put(paste0(id, "_drop"), sapply(without, function(a) a$Chisq)); put(paste0(id, "_drop_p"), sapply(without, function(a) a[["Pr(>|Chi|)"]]))
  put(paste0(id, "_zph"), z[, "chisq"]); put(paste0(id, "_concordance"), concordance(fit)$concordance)
}
# the cohort's references are the most frequent levels
p$sex <- relevel(factor(p$sex), "f"); p$oedema <- relevel(factor(p$oedema), "o0"); p$spleen <- factor(p$spleen)
model("pbc_uni_oedema", Surv(time, event == 1) ~ oedema, p)
model("pbc_multi", Surv(time, event == 1) ~ age + sex + oedema + spleen, p)
model("pbc_strata", Surv(time, event == 1) ~ age + oedema + spleen + strata(sex), p)
k$rx <- relevel(factor(k$rx), "Obs"); k$sex <- factor(k$sex); k$nodes <- factor(k$nodes); k$differ <- relevel(factor(k$differ), "d2")
model("colon_late_multi", Surv(entry, time, event) ~ rx + age + nodes + differ, k)
model("colon_late_strata", Surv(entry, time, event) ~ rx + age + nodes + strata(differ), transform(k, differ = ifelse(is.na(differ), "unknown", as.character(differ))))
y$disease <- relevel(factor(y$disease), "Other"); y$sex <- relevel(factor(y$sex), "f")
model("kidney_multi", Surv(time, event) ~ sex + age + disease, y)

# hazard ratio by period: rows split at the cuts
split <- survSplit(Surv(time, event) ~ ., k[, c("time", "event", "rx")], cut = c(12, 24, 60) * month, episode = "period")
fits <- lapply(1:4, function(e) coxph(Surv(tstart, time, event) ~ rx, subset(split, period == e)))
put("colon_rx_periods_lev", sapply(fits, function(f) coef(f)[1])); put("colon_rx_periods_lev5fu", sapply(fits, function(f) coef(f)[2]))
put("colon_rx_periods_se", sapply(fits, function(f) sqrt(vcov(f)[1, 1])))
# effect within subgroups, and the test of interaction (likelihood ratio and Wald)
for (s in c("f", "m")) { f <- coxph(Surv(time, event) ~ rx, subset(k, sex == s)); put(paste0("colon_within_", s), coef(f)) }
inter <- coxph(Surv(time, event) ~ rx * sex, k); plain <- coxph(Surv(time, event) ~ rx + sex, k)
i <- grep(":", names(coef(inter))); b <- coef(inter)[i]
put("colon_interaction_wald_p", pchisq(sum(b * solve(vcov(inter)[i, i], b)), length(i), lower.tail = FALSE))
put("colon_interaction_lr_p", pchisq(2 * (inter$loglik[2] - plain$loglik[2]), length(i), lower.tail = FALSE))

compete <- function(id, data, group, months, formula) {
  event <- factor(data$event, 0:2, c("censor", "one", "two"))
  fit <- survfit(Surv(data$time, event) ~ 1, conf.type = "log-log")
  s <- summary(fit, times = months * month)
  for (cause in 1:2) {
    put(paste0(id, "_cif_", cause), s$pstate[, cause + 1])
    gray <- cuminc(data$time, data$event, data[[group]])$Tests
    put(paste0(id, "_gray_", cause), gray[as.character(cause), "stat"])
    x <- model.matrix(formula, data)[, -1, drop = FALSE]
    keep <- complete.cases(data[, all.vars(formula)])
    fg <- crr(data$time[keep], data$event[keep], x, failcode = cause)
    put(paste0(id, "_fg_", cause), fg$coef); put(paste0(id, "_fg_se_", cause), sqrt(diag(fg$var)))
  }
  put(paste0(id, "_cif_se_1"), s$std.err[, 2])
}
compete("pbc", p, "sex", c(12, 24, 60), ~ age + sex + oedema)
t$blood <- relevel(factor(t$blood), "O"); t$sex <- relevel(factor(t$sex), "m")
compete("transplant", t, "blood", c(2, 6, 12), ~ age + sex + blood)
# late entry: Aalen-Johansen of R with (start, stop]
late <- transform(p, entry = ifelse(seq_along(time) %% 4 == 0, floor(time / 3), 0), id = seq_along(time))
fit <- survfit(Surv(entry, time, factor(event, 0:2, c("censor", "one", "two"))) ~ 1, late, id = id)
s <- summary(fit, times = c(12, 24, 60) * month)
put("pbc_late_cif_1", s$pstate[, 2]); put("pbc_late_cif_2", s$pstate[, 3]); put("pbc_late_cif_se_1", s$std.err[, 2])

# most patients are men, most of those with known nodes are women: men are the reference in both models
flip <- transform(k, nodes = ifelse(sex == "m" & seq_along(time) %% 3 == 0, NA, nodes), sex = relevel(factor(sex), "m"))
for (model in list(c("uni", "sex"), c("multi", "sex + nodes"))) {
  fit <- coxph(as.formula(paste("Surv(time, event) ~", model[2])), flip)
  put(paste0("flip_", model[1], "_coef"), coef(fit)); put(paste0("flip_", model[1], "_se"), sqrt(diag(vcov(fit))))
}

out <- file.path(folder, "numbers.csv")
writeLines(paste0("# ", R.version.string, "; survival ", packageVersion("survival"), "; cmprsk ", packageVersion("cmprsk")), out)
suppressWarnings(write.table(do.call(rbind, rows), out, sep = ",", append = TRUE, row.names = FALSE, quote = FALSE))
