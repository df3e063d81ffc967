/** How large the school is and how its ids are made, so that its data and its generator agree. */
export const schoolPlan = {
  terms: 6,
  /** The last term is still being sold; this one is being taught. */
  currentTerm: 5,
  termDays: 60,
  courses: 24,
  classesPerCourse: 4,
  lessonsPerClass: 4,
  teachers: 96,
  teacherGroups: 8,
  channels: 8,
  students: 30_000,
} as const;

export const classCount = schoolPlan.terms * schoolPlan.courses * schoolPlan.classesPerCourse;

const dayMs = 24 * 3600 * 1000;

/** Class `parallel` (from 0) of a course in a term. */
export function classIdOf(term: number, course: number, parallel: number): number {
  const { courses, classesPerCourse } = schoolPlan;
  return ((term - 1) * courses + (course - 1)) * classesPerCourse + parallel + 1;
}

export function termOfClass(classId: number): number {
  return Math.floor((classId - 1) / (schoolPlan.courses * schoolPlan.classesPerCourse)) + 1;
}

export function courseOfClass(classId: number): number {
  return (Math.floor((classId - 1) / schoolPlan.classesPerCourse) % schoolPlan.courses) + 1;
}

/** Lesson `number` (from 1) of a class. */
export function lessonIdOf(classId: number, number: number): number {
  return (classId - 1) * schoolPlan.lessonsPerClass + number;
}

/** The teacher a class begins with; the same for the course in every term. */
export function firstTeacherOf(classId: number): number {
  const perTerm = schoolPlan.courses * schoolPlan.classesPerCourse;
  return (((classId - 1) % perTerm) % schoolPlan.teachers) + 1;
}

/** List price of a course, in whole currency units. */
export function priceOf(course: number): number {
  return 480 + (course % 7) * 120;
}

/** First moment of a term; the current term is half over at `today`. */
export function termStartMs(term: number, today: Date): number {
  const midnight = Math.floor(today.getTime() / dayMs) * dayMs;
  const { currentTerm, termDays } = schoolPlan;
  return midnight + ((term - currentTerm) * termDays - termDays / 2) * dayMs;
}

/** A moment as MySQL's DATETIME(3) text in UTC. */
export function renderDatetime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('T', ' ').slice(0, 23);
}

/** A moment as MySQL's DATE text in UTC. */
export function renderDate(timeMs: number): string {
  return renderDatetime(timeMs).slice(0, 10);
}
